"""What a scripted provider answers: replies, and faults in their place."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Text:
    """Answer with text, which may be cut off at the limit of its length, or by a content filter."""

    text: str
    cut_off: bool = False
    filtered: bool = False


@dataclass(frozen=True)
class Refusal:
    """Refuse to answer, as a model with structured outputs does."""

    refusal: str = "I cannot help with that."


@dataclass(frozen=True)
class Calls:
    """Call tools, all in one reply: names with arguments; a string is sent as it is.

    It may have `text` beside the calls, and give all of them one `call_id`.
    """

    calls: tuple[tuple[str, Json | str], ...]
    text: str = ""
    call_id: str | None = None


@dataclass(frozen=True)
class Fault:
    """Answer with an error status, or with a body that is no answer at all."""

    status: int
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    @classmethod
    def error(cls, status: int, code: str, message: str = "simulated", **headers: str) -> Fault:
        """Make an error in the provider's format; `retry_after` becomes the header Retry-After."""
        body = json.dumps({"error": {"message": message, "type": code, "param": None, "code": code}})
        return cls(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass(frozen=True)
class CutStream:
    """Stream the first words and then drop the connection."""

    text: str


@dataclass(frozen=True)
class BrokenStream:
    """Stream the first words, and then an error in the provider's format; one that does not stream is that error."""

    text: str
    code: str = "server_error"
    status: int = 500


@dataclass(frozen=True)
class Silence:
    """Accept the request, stream the first words if there are any, and never go on; the end releases it."""

    text: str = ""


Said = Text | Calls | Refusal
Reply = Said | Fault | CutStream | BrokenStream | Silence


def call(name: str, **args: object) -> Calls:
    """Call one tool."""
    return Calls(((name, args),))
