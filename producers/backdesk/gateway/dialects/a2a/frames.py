"""Events of a job as those of a task. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from a2a.types.a2a_pb2 import (
    Artifact,
    Message,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatusUpdateEvent,
)

from backdesk.gateway.access.caller import Caller
from backdesk.gateway.dialects.a2a.tasks import answer_of, artifacts_of, asking, context_of, said, state_of, status_of
from backdesk.gateway.dialects.asks import of_people
from backdesk.gateway.turns import Asked, Began, Ended, Part, Progressed, TextDelta, TextVoided, TurnReader
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobRecord, JobState

Frame = TaskStatusUpdateEvent | TaskArtifactUpdateEvent


class Frames:
    """Reads the events of one job, from the first, and gives what of each a client of its task is told.

    All pieces of the artifact `answer` are appended; one that is not takes the place of what came before, as when an
    attempt has written text in vain. `interrupted` is whether the job asks something, which ends a stream.
    """

    def __init__(self, record: JobRecord, chat: Chat | None, caller: Caller) -> None:
        self._record = record
        self._chat = chat
        self._caller = caller
        self._reader = TurnReader(chat)
        #: What of the answer was told and stands.
        self.text = ""
        self.interrupted = False

    def read(self, event: JobEvent, result: Any = None) -> list[Frame]:
        """Return what an event means for the task. `result` is that of the record, if the event omits it."""
        return [frame for part in self._reader.read(event, result) for frame in self._frames(part)]

    def _frames(self, part: Part) -> Iterator[Frame]:
        match part:
            case TextDelta(text=text):
                yield self._artifact(answer_of(text), append=bool(self.text))
                self.text += text
            case TextVoided():
                self.text = ""
                yield self._artifact(answer_of(""), append=False)
            case Began():
                self.interrupted = False
                yield self._status(part, TaskState.TASK_STATE_WORKING)
            case Progressed(message=message) if message:
                yield self._status(part, TaskState.TASK_STATE_WORKING, said(self._record, message, part.event.seq))
            case Asked(asks=told):
                asks = of_people(told)
                self.interrupted = bool(asks)
                state = state_of(JobState.WAITING, asks, self._caller)
                yield self._status(part, state, asking(self._record, asks) if asks else None)
            case Ended():
                yield from self._ended(part)

    def _ended(self, part: Ended) -> Iterator[Frame]:
        if part.state is JobState.SUCCEEDED:
            for artifact in artifacts_of(self._chat, part.result)[1:]:
                yield self._artifact(artifact, append=False)
        reason = f"{part.code}: {part.message}" if part.code else ""
        message = said(self._record, reason, part.event.seq) if reason else None
        yield self._status(part, state_of(part.state, (), self._caller), message)

    def _status(self, part: Part, state: TaskState, message: Message | None = None) -> TaskStatusUpdateEvent:
        status = status_of(state, part.event.at, message)
        return TaskStatusUpdateEvent(task_id=self._record.id, context_id=context_of(self._record), status=status)

    def _artifact(self, artifact: Artifact, *, append: bool) -> TaskArtifactUpdateEvent:
        return TaskArtifactUpdateEvent(
            task_id=self._record.id, context_id=context_of(self._record), artifact=artifact, append=append
        )
