"""The body of a run: `RunAgentInput`."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from backdesk.gateway.dialects.messages import Said, Turn, turn_of, words_of
from backdesk.gateway.dialects.threads import Given
from backdesk.worker.errors import InvalidRequest

Message = dict[str, Any]


class ResumeEntry(BaseModel):
    """The answer to an interrupt."""

    model_config = ConfigDict(extra="ignore")

    interruptId: str  # noqa: N815 - so in the protocol
    status: Literal["resolved", "cancelled"]
    payload: Any = None


class RunAgentInput(BaseModel):
    """A run of a thread. Tools, state and context of the client are passed over: agents here have their own."""

    model_config = ConfigDict(extra="ignore")

    threadId: str = Field(examples=["thread-1"])  # noqa: N815 - so in the protocol
    runId: str = Field(min_length=1, max_length=256, examples=["run-1"])  # noqa: N815 - as above
    messages: list[Message] = Field(
        [], max_length=10_000, examples=[[{"id": "m1", "role": "user", "content": "Where is order 10003?"}]]
    )
    resume: list[ResumeEntry] | None = None
    forwardedProps: Any = None  # noqa: N815 - as above

    def fields(self) -> dict[str, Any]:
        """Return the other fields of the request, which the client forwards as `backdesk`."""
        told = self.forwardedProps.get("backdesk") if isinstance(self.forwardedProps, Mapping) else None
        return dict(told) if isinstance(told, Mapping) else {}

    def new(self, known: Container[str]) -> Message | None:
        """Return the last message if it is the user's, and of none of these ids."""
        last = self.messages[-1] if self.messages else {}
        return last if last.get("role") == "user" and last.get("id") not in known else None

    def turn(self) -> Turn:
        """Return what is asked, and what was said before as the client tells it."""
        said = [_said(each, number, number == len(self.messages) - 1) for number, each in enumerate(self.messages)]
        return turn_of(said, "messages")

    def given(self, job_id: str) -> list[Given]:
        """Return the answers to what a job asks. Raises InvalidRequest for an interrupt of another."""
        return [_given(each, number, job_id) for number, each in enumerate(self.resume or ())]


def _given(entry: ResumeEntry, number: int, job_id: str) -> Given:
    owner, _, name = entry.interruptId.partition(":")
    if owner != job_id:
        raise InvalidRequest(f"resume[{number}].interruptId", "is no interrupt of this thread's newest run")
    return Given(name, entry.status == "resolved", entry.payload)


def _said(message: Message, number: int, newest: bool) -> Said:
    role, content = str(message.get("role")), message.get("content")
    if role not in {"user", "assistant"}:
        return Said(role, "")
    try:
        return Said(role, words_of(content or "", f"messages[{number}].content"))
    except InvalidRequest:
        if newest:
            raise
        return Said(role, "")
