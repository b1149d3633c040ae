"""The body that the chat transport of the AI SDK sends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from backdesk.gateway.dialects.messages import Said, Turn, turn_of, words_of
from backdesk.gateway.dialects.threads import Given
from backdesk.gateway.dialects.ui_stream.fold import ask_of, job_of
from backdesk.worker.errors import InvalidRequest

Message = dict[str, Any]


class ChatRequest(BaseModel):
    """A chat with its messages: the last one is the user's, or ours with the answers to what it asked.

    `backdesk` has other fields of the request; `DefaultChatTransport` takes it as `body`.
    """

    model_config = ConfigDict(extra="ignore")

    id: str = Field(examples=["chat-1"])
    messages: list[Message] = Field(
        min_length=1,
        max_length=10_000,
        examples=[[{"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Where is order 10003?"}]}]],
    )
    trigger: Literal["submit-message", "regenerate-message"] = "submit-message"
    messageId: str | None = None  # noqa: N815 - so in the protocol
    backdesk: dict[str, Any] = {}

    @property
    def answers(self) -> bool:
        """Whether it answers what was asked, and asks nothing."""
        return self.messages[-1].get("role") == "assistant"

    @property
    def key(self) -> str:
        """By what the same request is known again. An answer that is to be given anew is another one."""
        anew = f":{self.messageId}" if self.trigger == "regenerate-message" else ""
        return f"{self.messages[-1].get('id')}{anew}"

    def turn(self) -> Turn:
        """Return what is asked, and what was said before as the client tells it."""
        last = len(self.messages) - 1
        return turn_of([_said(each, number, number == last) for number, each in enumerate(self.messages)], "messages")

    def job_id(self) -> str | None:
        """Return the job whose message the last one is."""
        return job_of(self.messages[-1].get("id"))

    def given(self) -> list[Given]:
        """Return the answers that its last message has. What else it says of our agent is not looked at."""
        return [*_given(self.messages[-1])]


def _said(message: Message, number: int, newest: bool) -> Said:
    role, parts = str(message.get("role")), message.get("parts")
    words = [part for part in parts if _is_words(part, newest)] if isinstance(parts, list) else []
    return Said(role, words_of(words, f"messages[{number}].parts") if role in {"user", "assistant"} else "")


def _is_words(part: Any, newest: bool) -> bool:
    """Return whether a part is to be read: files are refused where they are asked about, and else passed over."""
    if not isinstance(part, Mapping):
        raise InvalidRequest("messages.parts", "must be a list of objects")
    return part.get("type") == "text" or (newest and part.get("type") == "file")


def _given(message: Message) -> Iterator[Given]:
    parts = message.get("parts")
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, Mapping) or (ask := ask_of(part.get("toolCallId"))) is None:
            continue
        approval = part.get("approval")
        if part.get("state") == "approval-responded" and isinstance(approval, Mapping):
            yield Given(ask, True, {"approved": approval.get("approved") is True, "note": approval.get("reason")})
        elif part.get("state") == "output-available":
            yield Given(ask, True, part.get("output"))
