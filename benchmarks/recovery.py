"""A worker is killed with a thousand jobs running: how soon each of them runs elsewhere.

No peer stands beside it: with its defaults Celery brings such jobs back after an hour (the visibility time-out). What
it does when tuned is in the report of `python -m tests.chaos --peer celery`.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from backdesk.client import JobClient
from backdesk.worker.settings import load_settings
from backdesk.worker.store.keys import Keys
from benchmarks.child import Child
from benchmarks.contender import BACKDESK, PREFIX, environment
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, in_rounds

JOBS = 1000
#: Longer than everything that is measured: the jobs must still run when their worker dies.
BODY_S = 60.0


@dataclass(frozen=True, slots=True)
class Recovered:
    """Seconds from the kill to the start of the 95th of a hundred jobs, and from the last lease's end to the last."""

    p95_s: float
    after_leases_s: float


def recovery(plan: Plan) -> list[Line]:
    """Kill -9 a worker with 1,000 running jobs, default lease, beside an idle worker."""
    jobs = plan.of(JOBS)
    samples = in_rounds([Turn(BACKDESK.name, BACKDESK, lambda server: _recover(server, jobs))], plan.repeat)
    ours = samples.taken[BACKDESK.name]
    return [
        Line(
            "recovery",
            f"{jobs:,} jobs of a killed worker: kill → running again, p95",
            "s",
            [recovered.p95_s for recovered in ours],
            bound=Bound("value", "≤", 10),
        ),
        Line(
            "recovery",
            f"{jobs:,} jobs of a killed worker: end of the leases → all run again",
            "s",
            [recovered.after_leases_s for recovered in ours],
            bound=Bound("value", "≤", 5),
        ),
    ]


def _recover(server: Server, jobs: int) -> Recovered:
    keys, settings = Keys(PREFIX), load_settings(redis_url=server.url, prefix=PREFIX)
    with (
        JobClient(settings=settings, checks={}) as client,
        Child([*BACKDESK.worker(jobs), "-n", "doomed@%h"], environment(server.url)) as doomed,
    ):
        doomed.wait_until(lambda: bool(server.client.hlen(keys.slots)))
        handles = client.submit_many("bench.wait", [{"seconds": BODY_S}] * jobs)
        doomed.wait_until(lambda: int(server.client.zcard(keys.leases)) == jobs)
        with Child([*BACKDESK.worker(jobs), "-n", "heir@%h"], environment(server.url)) as heir:
            heir.wait_until(lambda: int(server.client.zcard(keys.workers)) > 1)
            killed_ms = _now_ms(server)
            doomed.kill()
            last: list[Any] = server.client.zrange(keys.leases, -1, -1, withscores=True)
            leases_end_ms = float(last[0][1])
            heir.wait_until(lambda: _running_again(server, keys, [job.id for job in handles]))
            starts = [record.started_at for job in handles if (record := client.get(job.id)).started_at]
            started_ms = [start.timestamp() * 1000 for start in starts if start]
            heir.kill()  # its jobs have a minute to go
    late_s = [(each - killed_ms) / 1000 for each in started_ms]
    return Recovered(statistics.quantiles(late_s, n=100)[94], (max(started_ms) - leases_end_ms) / 1000)


def _now_ms(server: Server) -> float:
    seconds, microseconds = server.client.time()
    return float(seconds) * 1000 + float(microseconds) / 1000


def _running_again(server: Server, keys: Keys, ids: list[str]) -> bool:
    with server.client.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hmget(keys.job(job_id), "attempt", "state")
        return all(reply == [b"2", b"running"] for reply in pipe.execute())
