"""What a run of an agent costs: two requests to a model over HTTP, and one call of a tool between them.

The same little agent by pydantic-ai alone, as a task of plain Celery (`run_sync`, one at a time, as the agent's client
belongs to one event loop), in a body of ours that only calls it, as a durable agent of ours, and as a workflow of DBOS
on SQLite. The model is a process of its own that answers at once. Its CPU is not counted, nor is that of Redis.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from backdesk.client import JobClient
from backdesk.worker.settings import load_settings
from benchmarks.agent_kinds import BODY, CHECKS, DURABLE
from benchmarks.chat_server import chat_server
from benchmarks.child import Child, ask
from benchmarks.contender import BACKDESK, PREFIX, Command, environment, here
from benchmarks.environment import PeerMissing, peers_python
from benchmarks.line import Bound, Line
from benchmarks.peers.little_agent import MESSAGE
from benchmarks.plan import Plan
from benchmarks.rounds import Samples, Server, Turn, in_rounds

RUNS = 300
#: Of each way in a repetition: one process takes up to a tenth more than another of the same code, as long as it lives.
PROCESSES = 3
SLOTS = 8
#: 10 ms and 100 runs a second where pydantic-ai alone takes 7.4 ms and makes 129, beside that on any other machine.
CPU = Bound("ratio", "≥", 0.74)
RATE = Bound("ratio", "≥", 0.775)
CELERY_APP = "benchmarks.peers.celery_agent"


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time of the process and its children for one run in ms, and runs a second."""

    cpu_ms: float
    rate: float


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run the agent; `take` makes so many runs with that environment."""

    name: str
    take: Callable[[int, Server, dict[str, str]], Cost]
    python: Callable[[], Path] = here

    def missing(self) -> str | None:
        """Say why it cannot be gone here, if it cannot."""
        try:
            self.python()
        except PeerMissing as reason:
            return str(reason)
        return None


def agents(plan: Plan) -> list[Line]:
    """Run a little agent that asks a model twice and calls a tool, in five ways."""
    runs = plan.of(RUNS)
    turns = [Turn(way.name, way, partial(_taken, way, runs)) for way in (ALONE, CELERY, IN_BODY, AGENT, DBOS)]
    samples = in_rounds(turns, PROCESSES * plan.repeat)
    return [
        _cpu(samples, AGENT, ALONE, CPU),
        *(_cpu(samples, AGENT, peer) for peer in (CELERY, DBOS)),
        *(_cpu(samples, IN_BODY, peer) for peer in (ALONE, CELERY)),
        _rate(samples, AGENT, ALONE, RATE),
        *(_rate(samples, AGENT, peer) for peer in (CELERY, DBOS)),
        *(_rate(samples, IN_BODY, peer) for peer in (ALONE, CELERY)),
    ]


def _taken(way: Way, runs: int, server: Server) -> Cost:
    with chat_server() as url:
        model = {"BENCH_MODEL_URL": url, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none", "BACKDESK_MODEL": "bench"}
        return way.take(
            runs, server, {**environment(server.url), **model, "BACKDESK_TASK_MODULES": "benchmarks.agent_kinds"}
        )


def _by_script(module: str, python: Callable[[], Path], runs: int, _: Server, surroundings: dict[str, str]) -> Cost:
    answer = ask([python(), "-m", module, str(runs), str(SLOTS)], surroundings)
    return Cost(answer["cpu_s"] * 1000, 1 / answer["seconds"])


def _by_celery(runs: int, server: Server, surroundings: dict[str, str]) -> Cost:
    ask([sys.executable, "-m", CELERY_APP, "fill", str(runs)], surroundings)
    worker = [sys.executable, "-m", "celery", "-A", CELERY_APP, "worker", "-P", "solo", "-l", "WARNING"]
    return _drained([*worker, "--without-gossip", "--without-mingle"], surroundings, runs, partial(_queued, server))


def _queued(server: Server) -> int:
    return int(server.client.llen("celery")) + int(server.client.hlen("unacked"))


def _by_us(kind: str, runs: int, server: Server, surroundings: dict[str, str]) -> Cost:
    settings = load_settings(_env_file=None, redis_url=server.url, prefix=PREFIX)
    with JobClient(settings=settings, checks=CHECKS) as client:
        client.submit_many(kind, [{"message": MESSAGE}] * runs)
    return _drained(BACKDESK.worker(SLOTS), surroundings, runs, lambda: BACKDESK.left(server.client, runs))


def _drained(worker: Command, surroundings: dict[str, str], runs: int, left: Callable[[], int]) -> Cost:
    with Child(worker, surroundings) as process:
        process.wait_until(lambda: left() <= runs * 0.9)
        began, still, cpu_s = time.perf_counter(), left(), process.cpu_s()
        process.wait_until(lambda: left() <= 0)
        seconds, cpu_s = time.perf_counter() - began, process.cpu_s() - cpu_s
    return Cost(cpu_s / still * 1000, still / seconds)


def _cpu(samples: Samples[Cost], ours: Way, peer: Way, bound: Bound | None = None) -> Line:
    taken, missing = samples.taken, samples.missing.get(peer.name)
    mine, theirs = ([cost.cpu_ms for cost in taken[way.name]] for way in (ours, peer))
    return Line("agents", f"CPU of a run, {ours.name}", "ms", mine, peer.name, theirs, bound=bound, missing=missing)


def _rate(samples: Samples[Cost], ours: Way, peer: Way, bound: Bound | None = None) -> Line:
    taken, missing = samples.taken, samples.missing.get(peer.name)
    mine, theirs = ([cost.rate for cost in taken[way.name]] for way in (ours, peer))
    title = f"runs of one process, {ours.name}"
    return Line("agents", title, "runs/s", mine, peer.name, theirs, better="higher", bound=bound, missing=missing)


ALONE = Way("pydantic-ai alone", partial(_by_script, "benchmarks.peers.bare_agent", here))
CELERY = Way("Celery, run_sync", _by_celery)
IN_BODY = Way("a body that calls it", partial(_by_us, BODY))
AGENT = Way("a durable agent", partial(_by_us, DURABLE))
_dbos = partial(peers_python, "dbos")
DBOS = Way("DBOS", partial(_by_script, "benchmarks.peers.dbos_agent", _dbos), _dbos)
