"""The slot that an attempt takes. As it ends, the job that is next may have it: one round trip ends and begins.

That job comes with its claim, which the attempt at it finds in the process.
"""

from __future__ import annotations

from typing import Protocol

from backdesk.worker.model.job import Claim, HandedOver, Usage
from backdesk.worker.process.state import WorkerProcess
from backdesk.worker.store.scripts import Call


class Slot(Protocol):
    """A slot of the pool."""

    @property
    def wanted(self) -> bool:
        """Whether the delivery that is next is to be begun there at once."""

    def hand_on(self, delivery: bytes, claimed: str | None) -> None:
        """Begin the job of a message there; `claimed` is its id if it came with its claim. Called on the event loop."""


def give_up(process: WorkerProcess, job_id: str) -> None:
    """Leave a job to other workers that came with its claim, if no attempt has begun here. Idempotent."""
    if claim := process.claims.pop(job_id, None):
        process.writer.submit(leaving(process, job_id, claim))


def leaving(process: WorkerProcess, job_id: str, claim: Claim | None) -> Call[bool]:
    """Return the call that leaves a job to other workers, of which no attempt has begun here, claimed or not."""
    if claim is None:
        return process.transitions.redeliver(job_id, unknown_kind=False)
    return process.transitions.end(claim, HandedOver(), claim.usage or Usage())
