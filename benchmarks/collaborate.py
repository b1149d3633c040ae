"""What it takes to have ten experts answer one question, beside the slowest of them alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from backdesk.client import JobClient
from backdesk.worker.settings import load_settings
from backdesk.worker.store.keys import Keys
from benchmarks.child import Child, MeasurementFailed
from benchmarks.contender import BACKDESK, PREFIX, environment
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, in_rounds
from benchmarks.team_kinds import EXPERTS, THINKS_S

SLOTS = 16
KIND = "team.collaborate"
TASKS = "backdesk.kinds.collaborate.kind,benchmarks.team_kinds"


def collaborate(plan: Plan) -> list[Line]:
    """Have ten experts that think 1 to 2.8 s answer as child jobs, in one worker."""
    samples = in_rounds([Turn("all", BACKDESK, partial(_seconds, EXPERTS))], plan.repeat)
    slowest = max(THINKS_S)
    ours = [each / slowest for each in samples.taken["all"]]
    title = f"{len(EXPERTS)} experts, of the time of the slowest ({slowest:g} s)"
    return [Line("collaborate", title, "times", ours, bound=Bound("value", "≤", 1.15))]


def _seconds(experts: Sequence[str], server: Server) -> float:
    settings = load_settings(_env_file=None, redis_url=server.url, prefix=PREFIX)
    surroundings = {**environment(server.url), "BACKDESK_TASK_MODULES": TASKS}
    with JobClient(settings=settings) as client, Child(BACKDESK.worker(SLOTS), surroundings) as worker:
        worker.wait_until(lambda: bool(server.client.hlen(Keys(PREFIX).slots)))
        client.submit(KIND, {"message": "Warm up?", "experts": experts[:1]}).result(120)
        record = client.wait(client.submit(KIND, {"message": "How long?", "experts": experts}).id, 120)
    if record.finished_at is None or record.error is not None:
        raise MeasurementFailed(f"the job has not succeeded: {record.error}")
    return (record.finished_at - record.created_at).total_seconds()
