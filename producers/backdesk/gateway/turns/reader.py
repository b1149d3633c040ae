"""Reading events as the parts of a turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from backdesk.gateway.turns.answer import answer_of
from backdesk.gateway.turns.parts import (
    AgentChanged,
    Answered,
    Asked,
    Began,
    Ended,
    Other,
    Part,
    Progressed,
    TextDelta,
    TextVoided,
    ToolCalled,
    ToolReturned,
)
from backdesk.worker.model.asks import PAUSE_MARK, Ask, AskType
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobState

#: Text that comes at once, at the end or after a review, is given in pieces of about this many characters.
PIECE = 400


class TurnReader:
    """Reads the events of one job, in their order and from the first.

    Text is given as it is streamed, or, where `chat.text` is `final`, only once it is known to stand. Text that an
    attempt or a draft has streamed in vain is taken back: that can happen to `live` text alone. Whatever was streamed,
    at the end of a job that succeeded the deltas that stand are its answer, whole.

    What is written by an attempt stands until the next one begins, so that also a job that waits in between goes on.
    """

    def __init__(self, chat: Chat | None) -> None:
        self._chat = chat
        self._final = chat is not None and chat.text == "final"
        self._attempt = 0
        #: What was given and stands.
        self._given = ""

    def read(self, event: JobEvent, result: Any = None) -> list[Part]:
        """Return what an event means for the turn, in order. `result` is that of the record, if the event omits it."""
        return [*self._retried(event), *self._parts(event, result)]

    def _retried(self, event: JobEvent) -> Iterator[Part]:
        """Take back what an attempt has streamed that came to nothing."""
        if event.attempt > self._attempt:
            self._attempt = event.attempt
            yield from self._void(event)

    def _void(self, event: JobEvent) -> Iterator[Part]:
        if self._given:
            self._given = ""
            yield TextVoided(event)

    def _parts(self, event: JobEvent, result: Any) -> Iterable[Part]:
        match event.type:
            case "token":
                return () if self._final else self._give(event, _text(event.data, "text"))
            case "review":
                return self._reviewed(event)
            case "succeeded":
                return self._succeeded(event, result if event.data.get("result_omitted") else event.data.get("result"))
        return (_PARTS.get(event.type, Other)(event),)

    def _reviewed(self, event: JobEvent) -> Iterator[Part]:
        if event.data.get("passed") is False:
            yield from self._void(event)
        yield Other(event)

    def _succeeded(self, event: JobEvent, result: Any) -> Iterator[Part]:
        text = answer_of(self._chat, result)
        if not text.startswith(self._given):
            yield from self._void(event)
        rest = text[len(self._given) :]
        for at in range(0, len(rest), PIECE):
            yield from self._give(event, rest[at : at + PIECE])
        yield Ended(event, JobState.SUCCEEDED, text=text, result=result)

    def _give(self, event: JobEvent, text: str) -> Iterator[Part]:
        if text:
            self._given += text
            yield TextDelta(event, text)


def _tool_called(event: JobEvent) -> Part:
    data = event.data
    return ToolCalled(event, _text(data, "call_id"), _text(data, "tool"), data.get("args"))


def _tool_returned(event: JobEvent) -> Part:
    data = event.data
    good = data.get("outcome") == "success"
    return ToolReturned(event, _text(data, "call_id"), _text(data, "tool"), good, _text(data, "summary"))


def _agent_changed(event: JobEvent) -> Part:
    return AgentChanged(event, _text(event.data, "agent"), event.data.get("previous"))


def _progressed(event: JobEvent) -> Part:
    fraction = event.data.get("fraction")
    known = fraction if isinstance(fraction, int | float) else None
    return Progressed(event, known, _text(event.data, "message"))


def _asked(event: JobEvent) -> Part:
    return Asked(event, tuple(_asks(event.data.get("for"))))


def _answered(event: JobEvent) -> Part:
    data = event.data
    return Answered(event, _text(data, "name"), _text(data, "decision"), _text(data, "by"))


def _ended(event: JobEvent) -> Part:
    data = event.data
    code = _text(data, "code") or event.type
    return Ended(event, JobState(event.type), code=code, message=_text(data, "message"), into=data.get("into"))


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _asks(told: Any) -> Iterator[Ask]:
    """Yield what people are asked; other jobs answer for themselves, and who began a pause ends it."""
    for each in told if isinstance(told, list) else ():
        try:
            ask = Ask.model_validate(each)
        except ValidationError:
            continue
        if ask.type is not AskType.CHILD and not ask.name.startswith(PAUSE_MARK):
            yield ask


_PARTS: Mapping[str, Callable[[JobEvent], Part]] = {
    "started": Began,
    "tool_called": _tool_called,
    "tool_returned": _tool_returned,
    "agent": _agent_changed,
    "progress": _progressed,
    "waiting": _asked,
    "answered": _answered,
    "failed": _ended,
    "cancelled": _ended,
    "expired": _ended,
    "steered": _ended,
}
