"""What ten calls of tools take that one response of a model makes, each of which waits a second."""

from __future__ import annotations

from functools import partial

from backdesk.client import JobClient
from backdesk.worker.settings import load_settings
from backdesk.worker.store.keys import Keys
from benchmarks.child import Child, MeasurementFailed
from benchmarks.contender import BACKDESK, PREFIX, environment
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, in_rounds
from benchmarks.team_kinds import AT_ONCE, CALLS, CHECKS, ONE_BY_ONE, PARALLEL, WARM_UP

SLOTS = 8


def parallel_tools(plan: Plan) -> list[Line]:
    """Have an agent call ten tools at once that wait 1 s each, and one by one."""
    ways = (AT_ONCE, ONE_BY_ONE)
    samples = in_rounds([Turn(way, BACKDESK, partial(_seconds, way)) for way in ways], plan.repeat)
    ours, theirs = (samples.taken[way] for way in ways)
    title = f"{CALLS} tools of 1 s, {AT_ONCE}"
    return [Line("parallel_tools", title, "s", ours, ONE_BY_ONE, theirs, bound=Bound("value", "<", 1.1))]


def _seconds(way: str, server: Server) -> float:
    settings = load_settings(_env_file=None, redis_url=server.url, prefix=PREFIX)
    surroundings = {**environment(server.url), "BACKDESK_TASK_MODULES": "benchmarks.team_kinds"}
    with JobClient(settings=settings, checks=CHECKS) as client, Child(BACKDESK.worker(SLOTS), surroundings) as worker:
        worker.wait_until(lambda: bool(server.client.hlen(Keys(PREFIX).slots)))
        client.submit(PARALLEL, {"message": WARM_UP}).result(120)
        record = client.wait(client.submit(PARALLEL, {"message": way}).id, 120)
    if record.started_at is None or record.finished_at is None:
        raise MeasurementFailed("the job has not ended by itself")
    return (record.finished_at - record.started_at).total_seconds()
