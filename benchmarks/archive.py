"""How fast ended jobs go from Redis to the archive."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from backdesk.worker.model.events import EventDraft
from backdesk.worker.model.job import Claim, Succeeded, Usage
from backdesk.worker.services.archiver import Archiver
from backdesk.worker.settings import load_settings
from backdesk.worker.store.archive import open_archive
from backdesk.worker.store.jobs import NewJob, Transitions
from backdesk.worker.store.scripts import run, run_pipelined
from benchmarks.child import MeasurementFailed
from benchmarks.contender import BACKDESK, PREFIX
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, in_rounds

JOBS = 5000
#: About what a customer's request leaves behind: a record of 5 KB, a log of 5 KB in 20 events.
REQUEST = to_json({"message": "I want to return order 10003, it came broken. " * 40})
RESULT = to_json({"answer": "We are sorry to hear that, and have refunded the order in full. " * 40})
EVENTS = [
    EventDraft("progress", to_json({"said": f"step {n}: " + "looked into the order and its refund; " * 6}))
    for n in range(20)
]
AT_ONCE = 50
MONTH_MS = 30 * 86_400_000
#: Jobs a second.
LEAST = Bound("value", "≥", 500)


def archive(plan: Plan) -> list[Line]:
    """Ended jobs of the size of a customer's request go to an archive in SQLite, as the elected worker moves them."""
    turn = Turn("to SQLite", BACKDESK, partial(_rate, plan.of(JOBS)))
    taken = in_rounds([turn], plan.repeat).taken[turn.label]
    return [Line("archive", "jobs moved to the archive, in SQLite", "jobs/s", taken, better="higher", bound=LEAST)]


def _rate(jobs: int, server: Server) -> float:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'archive.sqlite3'}"
        # Nobody takes deliveries here: all jobs must count as delivered.
        ours = {"redis_url": server.url, "prefix": PREFIX, "idle_window": jobs}
        settings = load_settings(_env_file=None, archive_url=url, **ours)
        for at in range(0, jobs, AT_ONCE):
            _end(server, Transitions(settings), range(at, min(at + AT_ONCE, jobs)))
        store = open_archive(settings)
        later = partial(_later, round(time.time() * 1000) + MONTH_MS)
        archiver = Archiver(server.client, settings, lambda: True, store, later)
        store.prepare()
        began = time.perf_counter()
        while server.client.exists(f"{PREFIX}:forgetting"):
            archiver.tick()
        seconds = time.perf_counter() - began
        archiver.stop()
        if (moved := int(server.client.hget(f"{PREFIX}:archive", "archived") or 0)) != jobs:
            raise MeasurementFailed(f"{moved} of {jobs} jobs were moved")
        return jobs / seconds


def _later(now_ms: int) -> int:
    """The time when all jobs are due."""
    return now_ms


def _end(server: Server, transitions: Transitions, numbers: range) -> None:
    """Take jobs from their submission to their end."""
    usual: dict[str, Any] = {"kind": "bench.noop", "queue": "agents", "priority": 5, "request": REQUEST}
    jobs = [NewJob(id=f"job-{n}", tenant=f"t{n % 50}", fingerprint=f"f{n}", **usual) for n in numbers]
    run(server.client, transitions.submit(jobs))
    claims = run_pipelined(server.client, [transitions.claim(job.id, "worker", f"fence-{job.id}") for job in jobs])
    done = [claim for claim in claims if isinstance(claim, Claim)]
    run_pipelined(server.client, [transitions.emit(claim, 0, EVENTS) for claim in done])
    run_pipelined(server.client, [transitions.end(claim, Succeeded(RESULT), Usage()) for claim in done])
