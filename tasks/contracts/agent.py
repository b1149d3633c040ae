"""What all kinds have in common that let agents answer a message."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.contracts.actions import Action
from tasks.contracts.base import Contract, GuardedMessage, Reference
from tasks.contracts.quality import QualityReport


class ModelUsage(Contract):
    """What one job asked of the model."""

    requests: int = Field(0, description="Those that the cache has answered included.")
    input_tokens: int = 0
    output_tokens: int = 0
    tool_calls: int = 0
    cost_usd: float | None = Field(None, description="In US dollars; null when a price is not known.")
    cached_requests: int = Field(0, description="Those that the cache has answered: they cost nothing.")


class AgentRequest(Contract):
    """A message to agents, alone or as part of a conversation."""

    message: GuardedMessage
    customer_id: Reference | None = Field(None, description="Whose data the agents see and change.")
    conversation_id: Reference | None = Field(
        None, description="Send it again to continue a conversation, such as to answer a clarifying question."
    )


class AgentResult(Contract):
    """The answer to a message.

    When `clarifying` is true, `answer` is a question: send what the customer replies as a new request with
    the same `conversation_id`. `actions` holds only what was really done.
    """

    answer: str
    agent: str = Field(description="The agent that answered.")
    path: list[str] = Field(description="The agents in the order in which they worked; the last one answered.")
    actions: list[Action] = Field(default_factory=list)
    clarifying: bool = False
    conversation_id: str = Field(description="The job's own id when the request named no conversation.")
    usage: ModelUsage
    model: str
    offline: bool = Field(description="Whether a rule-based stand-in answered because no model is configured.")
    quality: QualityReport | None = Field(
        None, description="How the answer came through the quality gate of its agent; null for one that has none."
    )
    degraded: Literal["fallback_model", "fallback_answer"] | None = Field(
        None, description="Whether another model answered than the configured one, or no model at all."
    )
