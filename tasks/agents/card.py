"""What makes an agent: a prompt, tools, and the colleagues it may hand over to. Data, without any library."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, Field

from tasks.tools.outcome import ToolOutcome
from tasks.tools.tool import DeskTool

#: What the structured outputs of all agents are called, for the model.
ASK, HAND_OVER = "ask_customer", "hand_over"


class HandOver(BaseModel):
    """Hand the conversation over to a colleague, who sees all of it."""

    to: str = Field(description="The colleague whose field it is.")
    reason: str = Field(description="What the customer wants and what is known so far, in one sentence.")


class Question(BaseModel):
    """Ask the customer one question. The work pauses until they answer."""

    question: str = Field(min_length=1, description="One question, addressed to the customer.")


@dataclass(frozen=True, slots=True)
class AgentCard:
    """One agent. `hand_over` limits `to` to the colleagues that this agent knows."""

    name: str
    duty: str
    hand_over: type[HandOver]
    tools: tuple[DeskTool[Any, ToolOutcome], ...] = ()
    #: Whether the agent may answer the customer, or only ask and hand over.
    answers: bool = True

    def prompt(self) -> str:
        """Return the instructions, from `prompts/<name>.md`."""
        return files("tasks.agents").joinpath("prompts", f"{self.name}.md").read_text("utf-8")
