"""What makes an agent: a prompt, tools, and the colleagues it may hand over to. Data, without any library."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import ToolOutcome
from backdesk.agents.tools import DeskTool
from backdesk.quality import QualityGate
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.memory.access import LONGEST_TTL_S

#: What the structured outputs of all agents are called, for the model.
ASK, HAND_OVER = "ask_customer", "hand_over"

#: What an agent is told besides its prompt, from what is true as it begins.
Briefing = Callable[[Desk], Awaitable[str]]


class HandOver(BaseModel):
    """Hand the conversation over to a colleague, who sees all of it."""

    to: str = Field(description="The colleague whose field it is.")
    reason: str = Field(description="What the customer wants and what is known so far, in one sentence.")


class Question(BaseModel):
    """Ask the customer one question. The work pauses until they answer."""

    question: str = Field(min_length=1, description="One question, addressed to the customer.")


@dataclass(frozen=True, slots=True)
class ResponseCache:
    """That an agent's model need not be asked twice for the same, and for how long its answer counts. Seconds."""

    ttl_s: float

    def __post_init__(self) -> None:
        """Raise ValueError for a time that is none."""
        if not 0 < self.ttl_s <= LONGEST_TTL_S:
            raise ValueError(f"an answer is kept for more than nothing and at most 30 days, not for {self.ttl_s!r} s")


@dataclass(frozen=True, slots=True)
class AgentCard:
    """One agent. `hands_to` names the colleagues that it may hand over to."""

    name: str
    #: What it is doing, in words for those who watch.
    duty: str
    tools: tuple[DeskTool[Any, ToolOutcome], ...] = ()
    hands_to: tuple[str, ...] = ()
    #: Whether the agent may answer the customer, or only ask and hand over.
    answers: bool = True
    #: Whether the agent may ask by `Question`; one that may not asks in its text, which is reviewed as any answer.
    asks: bool = True
    #: Awaited once before the agent begins, and again when another attempt goes on.
    briefing: Briefing | None = None
    #: What its answers must pass before they are given.
    quality: QualityGate | None = None
    #: The prompt itself; without it, it is read from `<name>.md` among the prompts of its team.
    instructions: str = ""
    #: Whether answers of the model are kept for the tenant; only when the very same request comes again, they count.
    cache: ResponseCache | None = None

    def prompted(self, folder: Path | None) -> AgentCard:
        """Return this card with its instructions: its own, or those in the folder's `<name>.md`.

        Raises ConfigurationError when there are none.
        """
        if self.instructions:
            return self
        if folder is None:
            raise ConfigurationError(
                f"the agent {self.name!r} has no instructions: give it some, or its team `prompts`"
            )
        file = folder / f"{self.name}.md"
        try:
            return replace(self, instructions=file.read_text("utf-8"))
        except OSError as error:
            raise ConfigurationError(f"the prompt of the agent {self.name!r} cannot be read: {error}") from None

    @property
    def hand_over(self) -> type[HandOver]:
        """What the agent hands over by: its colleagues are the only ones that it can name."""
        return _hand_over(self.hands_to)


@cache
def _hand_over(colleagues: tuple[str, ...]) -> type[HandOver]:
    to: Any = (Literal[colleagues], HandOver.model_fields["to"])
    return create_model("HandOver", __base__=HandOver, __doc__=HandOver.__doc__, to=to)
