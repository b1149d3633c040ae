"""Telling a waiting job what it waits for."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Commands, Operation
from backdesk.worker.errors import InvalidRequest, JobNotFound, NotWaiting
from backdesk.worker.model.asks import PAUSE_MARK, RESUME, Ask, AskType, Pausing
from backdesk.worker.model.job import TERMINAL, JobState
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

    def pause(self, job_id: str, by: str, note: str) -> Operation[JobState]:
        """Have a job pause; returns the state it is in now. Raises JobNotFound or InvalidRequest."""
        try:
            pausing = Pausing(by=by, note=note)
        except ValidationError as error:
            raise InvalidRequest(str(error.errors()[0]["loc"][0]), error.errors()[0]["msg"]) from None
        state, asked, asks = yield from self._halted(job_id)
        if not asked and not any(ask.name.startswith(PAUSE_MARK) for ask in asks):
            ((_, now, _),) = yield Calls([self._core.transitions.halt(job_id, pausing.model_dump_json().encode())])
            state = JobState(now or state)
        return state

    def resume(self, job_id: str, by: str, note: str) -> Operation[bool]:
        """Have a paused job go on; returns whether it was paused, or was to be. Raises as `pause`."""
        ((_, _, asked),) = yield Calls([self._core.transitions.halt(job_id, b"")])
        _, _, asks = yield from self._halted(job_id)
        pauses = [ask.name for ask in asks if ask.name.startswith(PAUSE_MARK)]
        for name in pauses:
            yield from self.give(job_id, Reply(AskType.QUESTION, RESUME, by, note, name))
        return bool(asked or pauses)

    def _halted(self, job_id: str) -> Operation[tuple[JobState, bool, Sequence[Ask]]]:
        """Return the state of a job, whether it is to pause, and what it waits for."""
        keys = self._core.keys
        (state, asked), awaiting = yield Commands(
            [("HMGET", keys.job(job_id), "state", "pausing"), ("HVALS", keys.awaiting(job_id))]
        )
        now = JobState(state.decode()) if state else (yield from self._core.archived_state(job_id))
        if now in TERMINAL:
            raise InvalidRequest("job_id", f"job {job_id} has ended: it is {now}")
        return now, asked is not None, read_asks(awaiting) if now is JobState.WAITING else ()

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
