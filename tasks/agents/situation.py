"""What a scripted model gets to see and may answer: a conversation, in plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolReply:
    """What a tool returned since the customer's last message; `data` is JSON."""

    tool: str
    outcome: str
    data: Any


@dataclass(frozen=True, slots=True)
class Situation:
    """One request to the model."""

    #: What the customer wrote, the oldest message first.
    said: tuple[str, ...]
    replies: tuple[ToolReply, ...]
    #: What the active agent may call, and with which structured outputs it may end.
    tools: frozenset[str]
    outputs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with text."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """Call a tool, or end with a structured output."""

    name: str
    args: dict[str, Any]


#: Calls of one reply run in parallel.
Reply = Say | tuple[Call, ...]
Decide = Callable[[Situation], Reply]
