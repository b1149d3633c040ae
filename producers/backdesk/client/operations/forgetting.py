"""Forgetting one job that has ended, before its retention has passed."""

from __future__ import annotations

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Commands, Operation
from backdesk.worker.errors import JobNotFound, NotForgettable
from backdesk.worker.model.job import ACTIVE, JobState

_GOES_ON = "only a job that has ended can be forgotten"
_FAMILY = "the jobs that it called are being cancelled; ask again in a moment"


class ForgettingOperations:
    """The operations that forget jobs."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core

    def forget(self, job_id: str) -> Operation[None]:
        """Forget a job in Redis and in the archive. Raises NotForgettable, JobNotFound."""
        here = yield from self._state(job_id)
        if here is not None:
            (dropped,) = yield Calls([self._core.transitions.drop([job_id], ended=True)])
            # One that is gone although this call did not drop it was dropped by one before it, whose answer was lost.
            if not dropped and (left := (yield from self._state(job_id))) is not None:
                raise NotForgettable(job_id, left, _GOES_ON if left in ACTIVE else _FAMILY)
        archived = yield from self._core.archived.drop([job_id])
        if here is None and not archived:
            raise JobNotFound(job_id)

    def _state(self, job_id: str) -> Operation[JobState | None]:
        (state,) = yield Commands([("HGET", self._core.keys.job(job_id), "state")])
        return JobState(state.decode()) if state else None
