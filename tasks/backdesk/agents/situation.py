"""What a scripted model gets to see and may answer: a conversation, in plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from backdesk.agents.failures import CODES

#: What a model can fail by; the other codes are of our own making.
MODEL_FAULTS = frozenset(code for code in CODES if code.startswith("model_"))


@dataclass(frozen=True, slots=True)
class ToolReply:
    """What a tool returned since the customer's last message; `data` is JSON."""

    tool: str
    outcome: str
    data: Any

    @property
    def succeeded(self) -> bool:
        """Whether the tool did what it was asked."""
        return self.outcome == "success" and not (isinstance(self.data, dict) and "refused" in self.data)

    @property
    def proposed(self) -> str | None:
        """What the call has only proposed, as a question to the customer."""
        return self.data.get("proposed") if isinstance(self.data, dict) else None

    @property
    def problem(self) -> str:
        """Why it did not, in a sentence for the customer."""
        return (
            str(self.data["refused"]) if self.outcome == "success" else "That could not be done for a technical reason."
        )


@dataclass(frozen=True, slots=True)
class Spoken:
    """One piece of a conversation, as the model is given it."""

    role: Literal["customer", "model", "call", "tool", "correction"]
    #: What was said, or what is wrong with an answer.
    text: str = ""
    #: For a call and what it returned: the tool, and its arguments or its outcome as JSON.
    tool: str = ""
    data: Any = None


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that the agent may call, as the model is told of it; `schema` is the JSON schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Any]


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
    #: All of the conversation in its order.
    messages: tuple[Spoken, ...] = ()
    #: Whether the answer is to be streamed.
    streamed: bool = False
    #: The tools, and then the structured outputs, with what they take.
    offers: tuple[Offer, ...] = ()
    #: The files that came with the last message, as `photo.png (image/png, 34 kB)`.
    files: tuple[str, ...] = ()
    #: Whether the agent may answer by a text.
    may_say: bool = True

    def replies_of(self, tool: str) -> list[ToolReply]:
        """Return what one tool returned, in the order of the calls."""
        return [reply for reply in self.replies if reply.tool == tool]

    @property
    def message(self) -> str:
        """What the customer wrote last."""
        return self.said[-1]


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with text; or with a value, where the agent has an output type."""

    answer: str | BaseModel


@dataclass(frozen=True, slots=True)
class Call:
    """Call a tool, or end with a structured output. Arguments as text are sent as they are, as JSON or not."""

    name: str
    args: dict[str, Any] | str


@dataclass(frozen=True, slots=True)
class Fail:
    """Do not answer, as a model that cannot: for one of the reasons that `backdesk.agents.failures` lists.

    `retry_after_s` is when the provider asks to come back. A stream breaks off `after` these words; one that is not
    streamed does not begin. Raises ValueError for a code that there is not.
    """

    code: str
    retry_after_s: float | None = None
    after: str = ""

    def __post_init__(self) -> None:
        """Check the code."""
        if self.code not in MODEL_FAULTS:
            raise ValueError(f"{self.code!r} is no failure of a model; these are: {', '.join(sorted(MODEL_FAULTS))}")


#: Calls of one reply run in parallel.
Reply = Say | tuple[Call, ...]
Decide = Callable[[Situation], Reply]
#: Rules that may also fail.
Act = Callable[[Situation], Reply | Fail]
