"""What it costs a body that its steps are remembered: one round trip, beside a bare one to the same Redis."""

from __future__ import annotations

from typing import Any

from backdesk.client import JobClient
from backdesk.worker.settings import load_settings
from backdesk.worker.store.keys import Keys
from benchmarks.child import Child
from benchmarks.contender import BACKDESK, PREFIX, environment
from benchmarks.kinds import CHECKS
from benchmarks.line import Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, in_rounds

STEPS = 2000
BARE = "bare HSET"


def steps(plan: Plan) -> list[Line]:
    """Run steps that do nothing, one after the other, in one body."""
    count = plan.of(STEPS)
    samples = in_rounds([Turn(BACKDESK.name, BACKDESK, lambda server: _measure(server, count))], plan.repeat)
    ours = samples.taken[BACKDESK.name]
    bare = [each["bare_s"] * 1000 for each in ours]
    return [
        Line("steps", f"a {effect} step", "ms", [each[f"{effect}_s"] * 1000 for each in ours], BARE, bare)
        for effect in ("pure", "unsafe")
    ]


def _measure(server: Server, count: int) -> dict[str, Any]:
    settings = load_settings(redis_url=server.url, prefix=PREFIX)
    with (
        JobClient(settings=settings, checks=CHECKS) as client,
        Child(BACKDESK.worker(8), environment(server.url)) as worker,
    ):
        worker.wait_until(lambda: bool(server.client.hlen(Keys(PREFIX).slots)))
        timed: dict[str, Any] = client.submit("bench.steps", {"count": count}).result(120)
        return timed
