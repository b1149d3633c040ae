"""How fast a batch goes through items that take nothing, its results kept in order in a file of the job."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

from backdesk.client import JobClient
from backdesk.worker.settings import load_settings
from backdesk.worker.store.keys import Keys
from benchmarks.child import Child
from benchmarks.contender import BACKDESK, PREFIX, environment
from benchmarks.kinds import CHECKS
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, in_rounds

ITEMS = 10_000
#: How many threads do the items of each of the two batches.
THREADS = (8, 1)
#: How many tasks of the event loop do those of the third.
TASKS = 8


def batch(plan: Plan) -> list[Line]:
    """Do nothing for 10,000 items, within one body: in eight threads, in none, and in eight tasks of the event loop."""
    count = plan.of(ITEMS)
    samples = in_rounds([Turn(BACKDESK.name, BACKDESK, lambda server: _measure(server, count))], plan.repeat)
    ours = samples.taken[BACKDESK.name]
    return [
        Line(
            "batch",
            f"items of a batch, {how}",
            "items/s",
            [each["rates"][at] for each in ours],
            better="higher",
            bound=Bound("value", "≥", 5_000),
        )
        for at, how in enumerate((*(f"{threads} at a time" for threads in THREADS), f"{TASKS} at a time, awaited"))
    ]


def _measure(server: Server, count: int) -> dict[str, Any]:
    settings = load_settings(redis_url=server.url, prefix=PREFIX)
    with (
        TemporaryDirectory() as folder,
        JobClient(settings=settings, checks=CHECKS) as client,
        Child(BACKDESK.worker(8), {**environment(server.url), "BACKDESK_DATA_DIR": folder}) as worker,
    ):
        worker.wait_until(lambda: bool(server.client.hlen(Keys(PREFIX).slots)))
        kinds = ("bench.batch", "bench.batch_awaited")
        return {
            "rates": [rate for kind in kinds for rate in client.submit(kind, {"count": count}).result(120)["rates"]]
        }
