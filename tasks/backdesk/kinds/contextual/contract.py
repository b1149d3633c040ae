"""The kind `assistant.contextual`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from backdesk.agents.contract import Action, AgentRequest, AgentResult
from backdesk.agents.phrases import Phrases
from backdesk.platform.contract import Contract, KindModels, Reference
from backdesk.platform.system_status import SystemSeen

Sentiment = Literal["negative", "neutral", "positive"]


class PreferenceSeen(Contract):
    """A preference that this message has taught, and by which words."""

    name: str
    value: str
    reason: str


class ContextualRequest(AgentRequest):
    """A customer's message, answered with regard to who they are and how the system is, for `assistant.contextual`."""

    customer_id: Reference | None = Field(
        None,
        description="Who writes: their tier, time zone, preferences and last conversations shape the answer.",
    )


class ContextualResult(AgentResult):
    """The answer, and what its instructions were composed from."""

    sentiment: Sentiment | None = Field(None, description="How the customer sounds, over the conversation.")
    rules: list[str] = Field(
        default_factory=list, description="The prompt rules that applied, the most important first."
    )
    preferences: dict[str, str] = Field(default_factory=dict, description="Those in force when the answer was given.")
    learned: list[PreferenceSeen] = Field(default_factory=list, description="What this message taught.")
    local_time: datetime | None = Field(None, description="When it was asked, by the customer's clocks.")
    business_hours: bool | None = Field(None, description="Whether people were there to be reached.")
    system: SystemSeen | None = None


class PreferenceStated(Action):
    """A preference that is kept from now on."""

    phrases: ClassVar[Phrases] = Phrases(Path(__file__).with_name("phrases.toml"))

    type: Literal["preference"] = "preference"
    name: str
    value: str
    source: Literal["explicit", "inferred"]


KIND = KindModels("assistant.contextual", "agents", ContextualRequest, ContextualResult)
