"""Telling a waiting job what it waits for."""

from __future__ import annotations

from collections.abc import Sequence

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Commands, Operation
from backdesk.worker.errors import JobNotFound, NotWaiting
from backdesk.worker.model.asks import Ask
from backdesk.worker.model.job import JobState
from backdesk.worker.store.records import read_asks
from backdesk.worker.submit.reply import Reply, settlement_of


class AnswerOperations:
    """The operations that answer jobs."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core

    def give(self, job_id: str, reply: Reply) -> Operation[None]:
        """Check a reply and give it to the job. Raises JobNotFound, NotWaiting, AskUnknown or InvalidRequest."""
        attempt, asks = yield from self._asked(job_id)
        settings = self._core.settings
        limits = {"max_event_bytes": settings.max_event_bytes, "max_result_bytes": settings.max_result_bytes}
        found = settlement_of(job_id, attempt, asks, reply, **limits)
        call = self._core.transitions.answer(job_id, found.name, found.entry, found.event, found.failure)
        ((given, state),) = yield Calls([call])
        if not given:
            raise NotWaiting(job_id, state) if state else JobNotFound(job_id)

    def _asked(self, job_id: str) -> Operation[tuple[int, Sequence[Ask]]]:
        keys = self._core.keys
        job, awaiting = yield Commands(
            [("HMGET", keys.job(job_id), "state", "attempt"), ("HVALS", keys.awaiting(job_id))]
        )
        if job[0] is None:
            raise NotWaiting(job_id, (yield from self._core.archived_state(job_id)))
        if (state := JobState(job[0].decode())) is not JobState.WAITING:
            raise NotWaiting(job_id, state)
        return int(job[1]), read_asks(awaiting)
