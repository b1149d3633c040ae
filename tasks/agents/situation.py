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

    @property
    def succeeded(self) -> bool:
        """Whether the tool did what it was asked."""
        return self.outcome == "success" and "refused" not in self.data

    @property
    def problem(self) -> str:
        """Why it did not, in a sentence for the customer."""
        return (
            str(self.data["refused"]) if self.outcome == "success" else "That could not be done for a technical reason."
        )


@dataclass(frozen=True, slots=True)
class Situation:
    """One request to the model."""

    #: What the customer wrote, the oldest message first.
    said: tuple[str, ...]
    replies: tuple[ToolReply, ...]
    #: What the active agent may call, and with which structured outputs it may end.
    tools: frozenset[str]
    outputs: frozenset[str]
    #: What the agent was told: its prompt and its briefing.
    instructions: str = ""
    #: What its last answers were refused for, since the customer's last message.
    corrections: tuple[str, ...] = ()
    #: What the agents have said so far, the oldest first; answers that were refused included.
    answers: tuple[str, ...] = ()

    def replies_of(self, tool: str) -> list[ToolReply]:
        """Return what one tool returned, in the order of the calls."""
        return [reply for reply in self.replies if reply.tool == tool]

    @property
    def message(self) -> str:
        """What the customer wrote last."""
        return self.said[-1]


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
