"""Jobs as tasks. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from a2a.helpers.proto_helpers import new_data_part
from a2a.types.a2a_pb2 import Artifact, Message, Part, Role, Task, TaskState, TaskStatus

from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.dialects.asks import choices_of, needs_person, open_asks
from backdesk.worker.model.asks import Ask
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.text.json import encode

ANSWER, RESULT = "answer", "result"
_STATES = {
    JobState.SCHEDULED: TaskState.TASK_STATE_SUBMITTED,
    JobState.QUEUED: TaskState.TASK_STATE_SUBMITTED,
    JobState.RUNNING: TaskState.TASK_STATE_WORKING,
    JobState.WAITING: TaskState.TASK_STATE_WORKING,
    JobState.SUCCEEDED: TaskState.TASK_STATE_COMPLETED,
    JobState.STEERED: TaskState.TASK_STATE_COMPLETED,
    JobState.FAILED: TaskState.TASK_STATE_FAILED,
    JobState.EXPIRED: TaskState.TASK_STATE_FAILED,
    JobState.CANCELLED: TaskState.TASK_STATE_CANCELED,
}


def state_of(state: JobState, asks: Iterable[Ask], caller: Caller) -> TaskState:
    """Return the state of a task: one whose caller may not answer what is asked needs somebody else's authority."""
    asked = list(asks)
    if state is not JobState.WAITING or not asked:
        return _STATES[state]
    if caller.may(Scope.OPERATE) and any(not needs_person(each) for each in asked):
        return TaskState.TASK_STATE_INPUT_REQUIRED
    return TaskState.TASK_STATE_AUTH_REQUIRED


def task_of(record: JobRecord, chat: Chat | None, caller: Caller, *, result: Any = None, text: str = "") -> Task:
    """Return a job as a task, with its result, or with what of its answer there is so far."""
    asks = open_asks(record)
    so_far = [answer_of(text)] if text else []
    artifacts = artifacts_of(chat, result) if record.state is JobState.SUCCEEDED else so_far
    reason = f"{record.error.code}: {record.error.message}" if record.error and record.done else ""
    message = asking(record, asks) if asks else said(record, reason, record.events) if reason else None
    changed = record.finished_at or record.started_at or record.created_at
    return Task(
        id=record.id,
        context_id=context_of(record),
        status=status_of(state_of(record.state, asks, caller), changed, message),
        artifacts=artifacts,
        history=history_of(record, chat),
    )


def context_of(record: JobRecord) -> str:
    """Return the context of a task: the conversation that its job is of, or the job itself."""
    return record.conversation or record.id


def status_of(state: TaskState, at: datetime, message: Message | None = None) -> TaskStatus:
    """Return where a task stands since then."""
    return TaskStatus(state=state, timestamp=at, message=message)


def history_of(record: JobRecord, chat: Chat | None) -> list[Message]:
    """Return the message that began a task."""
    request = record.request if isinstance(record.request, dict) else {}
    words = request.get(chat.input) if chat else None
    if not isinstance(words, str):
        return []
    return [
        Message(
            message_id=record.idempotency_key or record.id,
            context_id=context_of(record),
            task_id=record.id,
            role=Role.ROLE_USER,
            parts=[Part(text=words)],
        )
    ]


def artifacts_of(chat: Chat | None, result: Any) -> list[Artifact]:
    """Return what a job gave: the answer in words, and the result as data, where that is more."""
    words = result.get(chat.output) if chat and isinstance(result, dict) else None
    if not isinstance(words, str):
        return [answer_of(encode(result).decode()), result_of(result)]
    return [answer_of(words), *([result_of(result)] if len(result) > 1 else [])]


def answer_of(text: str) -> Artifact:
    """Return the answer, or a part of it."""
    return Artifact(artifact_id=ANSWER, name=ANSWER, parts=[Part(text=text)])


def result_of(result: Any) -> Artifact:
    """Return a result as data."""
    return Artifact(artifact_id=RESULT, name=RESULT, parts=[_data(result)])


def asking(record: JobRecord, asks: Iterable[Ask]) -> Message:
    """Return the message that asks what a job waits for: in words, and as data."""
    asked = list(asks)
    shown = [
        {"ask": each.name, "prompt": each.prompt, "facts": each.facts, "choices": choices_of(each)} for each in asked
    ]
    parts = [Part(text="\n".join(each.prompt or each.name for each in asked)), _data({"asks": shown})]
    return _message(record.id, context_of(record), asked[0].name, parts)


def said(record: JobRecord, text: str, seq: int) -> Message:
    """Return something that the agent says of a task, at the event of this number."""
    return _message(record.id, context_of(record), str(seq), [Part(text=text)])


def _message(task_id: str, context_id: str, name: str, parts: list[Part]) -> Message:
    return Message(
        message_id=f"{task_id}:{name}", task_id=task_id, context_id=context_id, role=Role.ROLE_AGENT, parts=parts
    )


def _data(value: Any) -> Part:
    return new_data_part(value, media_type="application/json")
