"""Whether every worker still takes jobs when a run is over: as many jobs at once as the fleet has slots.

A worker that lives and announces itself may have stopped reading all the same; then others get its share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backdesk.client import JobClient
from backdesk.worker.model.events import EventType
from tests.chaos.deployment import Crew
from tests.chaos.orders import Order
from tests.chaos.patience import until
from tests.chaos.post import Post
from tests.chaos.script import Move

LABEL = "muster"
#: Of each job: long enough that the first are not over when the last are taken.
SECONDS = 3.0
PATIENCE_S = 40.0


def calls(crews: Sequence[Crew], seed: int) -> Iterator[Order]:
    """One order a slot."""
    for crew in crews:
        kind = "chaos.tool" if crew.queue == "tools" else "chaos.agent"
        for number in range(crew.workers * crew.slots):
            moves = [Move(do="step", key="here", effect="pure", seconds=SECONDS, value=1)]
            yield Order(LABEL, kind, moves, {"tenant": LABEL}, job_id=f"chaos-{seed}-muster-{crew.queue}-{number}")


def absent(jobs: JobClient, ids: Sequence[str], posts: Sequence[Post]) -> list[str]:
    """Wait for the jobs of a muster, and return the workers that ran none."""
    until(lambda: all(jobs.get(job_id).done for job_id in ids), PATIENCE_S)
    begun = (event for job_id in ids for event in jobs.events(job_id) if event.type == EventType.STARTED)
    seen = {event.data["worker"] for event in begun}
    return [post.name for post in posts if post.full_name not in seen]
