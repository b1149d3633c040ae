"""Events of a job as those of a task, and messages as wishes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from a2a.helpers.proto_helpers import get_artifact_text, new_data_part
from a2a.types.a2a_pb2 import Message, Part, SendMessageRequest, TaskArtifactUpdateEvent, TaskState

from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.dialects.a2a.frames import Frames
from backdesk.gateway.dialects.a2a.messages import decision_of, kind_of, wish_of
from backdesk.gateway.dialects.a2a.tasks import task_of
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.failure import Failure
from backdesk.worker.model.asks import Ask, AskType
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobRecord, JobState

AT = datetime(2026, 12, 1, tzinfo=UTC)
CHAT = Chat(input="message", output="answer", conversation="conversation_id")
KIND = KindContract(kind="support.request", queue="agents", chat=CHAT)
OPERATOR, SUBMITTER = Caller("op", Scope.OPERATE), Caller("sub", Scope.SUBMIT)
ASK = Ask(type=AskType.APPROVAL, name="refund", prompt="May I?", facts={"cents": 5})


def record(state: JobState = JobState.RUNNING, **more: Any) -> JobRecord:
    facts = {"id": "j1", "kind": KIND.kind, "tenant": "acme", "queue": "agents", "priority": 5, "attempt": 1}
    return JobRecord(**facts, state=state, created_at=AT, request={"message": "hi"}, **more)


class Log:
    """Events as a job would tell them."""

    def __init__(self, caller: Caller = OPERATOR) -> None:
        self.frames = Frames(record(), CHAT, caller)
        self._seq = 0

    def ask(self, type_: str) -> list[Any]:
        asked: Any = {"for": [{"type": type_, "name": "a", "prompt": "May I?"}]}
        return self.tell("waiting", **asked)

    def tell(self, type_: str, attempt: int = 1, **data: Any) -> list[Any]:
        self._seq += 1
        return self.frames.read(
            JobEvent(
                seq=self._seq, job_id="j1", kind=KIND.kind, tenant="acme", attempt=attempt, at=AT, type=type_, data=data
            )
        )


def shown(frames: list[Any], text: str = "") -> str:
    """The answer that a client has after these events, which it applies as the protocol says."""
    for frame in frames:
        if isinstance(frame, TaskArtifactUpdateEvent) and frame.artifact.artifact_id == "answer":
            text = (text if frame.append else "") + get_artifact_text(frame.artifact)
    return text


def test_pieces_of_the_answer_make_the_whole_of_it_however_little_was_streamed() -> None:
    log = Log()
    frames = [*log.tell("started"), *log.tell("token", text="Good "), *log.tell("token", text="day")]
    frames += log.tell("succeeded", result={"answer": "Good day, all of you."})
    assert shown(frames) == "Good day, all of you."
    assert frames[-1].status.state == TaskState.TASK_STATE_COMPLETED


@pytest.mark.parametrize("how", ["attempt", "review"])
def test_text_that_is_void_is_taken_back(how: str) -> None:
    log = Log()
    frames = [*log.tell("started"), *log.tell("token", text="wrong")]
    frames += log.tell("started", 2) if how == "attempt" else log.tell("review", passed=False)
    assert shown(frames) == ""
    frames += [*log.tell("token", 2, text="right"), *log.tell("succeeded", 2, result={"answer": "right"})]
    assert shown(frames) == "right"


@pytest.mark.parametrize(
    ("caller", "type_", "state"),
    [
        (OPERATOR, AskType.APPROVAL, TaskState.TASK_STATE_INPUT_REQUIRED),
        (OPERATOR, AskType.QUESTION, TaskState.TASK_STATE_INPUT_REQUIRED),
        (OPERATOR, AskType.OUTCOME, TaskState.TASK_STATE_AUTH_REQUIRED),
        (SUBMITTER, AskType.APPROVAL, TaskState.TASK_STATE_AUTH_REQUIRED),
    ],
)
def test_who_may_answer_is_asked_and_others_wait_for_somebody(caller: Caller, type_: AskType, state: Any) -> None:
    log = Log(caller)
    asked = log.ask(type_)
    assert asked[-1].status.state == state
    assert log.frames.interrupted
    waiting = record(JobState.WAITING, asks=[ASK.model_copy(update={"type": type_})])
    assert task_of(waiting, CHAT, caller).status.state == state


def test_waiting_for_other_jobs_is_work() -> None:
    log = Log()
    asked = log.ask("child")
    assert asked[-1].status.state == TaskState.TASK_STATE_WORKING
    assert not log.frames.interrupted


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (JobState.FAILED, TaskState.TASK_STATE_FAILED),
        (JobState.EXPIRED, TaskState.TASK_STATE_FAILED),
        (JobState.CANCELLED, TaskState.TASK_STATE_CANCELED),
    ],
)
def test_how_a_job_ended_is_told_in_the_stream_and_after_it(state: JobState, told: Any) -> None:
    last = Log().tell(state.value, code="why", message="because")[-1]
    assert last.status.state == told
    task = task_of(record(state, error=Failure(code="why", message="because")), CHAT, OPERATOR)
    assert task.status.state == told
    assert last.status.message.parts[0].text == task.status.message.parts[0].text == "why: because"


@pytest.mark.parametrize("state", list(JobState))
def test_every_state_of_a_job_is_one_of_a_task(state: JobState) -> None:
    assert task_of(record(state), CHAT, OPERATOR).status.state != TaskState.TASK_STATE_UNSPECIFIED


def saying(*parts: Part, **more: Any) -> SendMessageRequest:
    return SendMessageRequest(message=Message(message_id="m1", parts=parts, **more))


def test_words_are_the_input_and_data_the_other_fields() -> None:
    wish = wish_of(saying(Part(text="hi"), new_data_part({"customer_id": "c1"}), context_id="ctx").message, KIND)
    assert wish.request == {"customer_id": "c1", "message": "hi", "conversation_id": "ctx"}
    assert (wish.context_id, wish.message_id) == ("ctx", "m1")


def test_the_same_message_is_of_the_same_context_when_it_names_none() -> None:
    one, again = (wish_of(saying(Part(text="hi")).message, KIND).context_id for _ in range(2))
    assert one == again


def test_the_kind_is_named_or_the_only_one_that_talks() -> None:
    other, silent = KIND.model_copy(update={"kind": "b"}), KindContract(kind="c", queue="q")
    assert kind_of(saying(), {"a": KIND, "c": silent}) is KIND
    assert kind_of(SendMessageRequest(tenant="b"), {"a": KIND, "b": other}) is other
    assert kind_of(saying(metadata={"skill": "b"}), {"a": KIND, "b": other}) is other
    for request in (saying(), saying(metadata={"skill": "c"})):
        with pytest.raises(InvalidRequest, match=r"there are: b, support\.request"):
            kind_of(request, {"a": KIND, "b": other, "c": silent})


@pytest.mark.parametrize("said", ["APPROVE", " approve ", "Approve"])
def test_a_choice_may_be_said_in_any_case(said: str) -> None:
    assert decision_of(saying(Part(text=said)).message, ASK) == ("approve", "")


@pytest.mark.parametrize("said", ["", "yes", "approve it", "deny or approve"])
def test_what_is_no_choice_decides_nothing(said: str) -> None:
    with pytest.raises(InvalidRequest, match="say one of: approve, deny"):
        decision_of(saying(Part(text=said)).message, ASK)
