"""Rules for what agents are told besides their prompt, as data: promotions, policies, how to meet an angry customer.

A rule has a condition and a text. The engine is one pure function: which rules hold at a moment, in which order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backdesk.kinds.contextual.contract import Sentiment
from backdesk.kinds.contextual.topics import Topic
from backdesk.platform.load import LoadLevel

Tier = Literal["basic", "premium", "enterprise"]
#: Whether people are there to be reached.
Hours = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What rules can ask about: the customer, the conversation, the message, and how things are at the shop."""

    day: date
    tier: Tier
    sentiment: Sentiment
    topics: tuple[Topic, ...]
    load: LoadLevel
    hours: Hours
    maintenance: bool


class Condition(BaseModel):
    """When a rule holds. What is None is not asked about; all that is asked about must be so.

    Both days belong to the time in which the rule holds. Of several tiers, sentiments, topics or loads one is enough.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_day: date | None = None
    last_day: date | None = None
    tiers: frozenset[Tier] | None = Field(None, min_length=1)
    sentiments: frozenset[Sentiment] | None = Field(None, min_length=1)
    topics: frozenset[Topic] | None = Field(None, min_length=1)
    loads: frozenset[LoadLevel] | None = Field(None, min_length=1)
    hours: Hours | None = None
    maintenance: bool | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValueError("last_day must not be before first_day")
        return self

    def holds(self, now: Circumstances) -> bool:
        """Return whether it is so."""
        return (
            (self.first_day is None or self.first_day <= now.day)
            and (self.last_day is None or now.day <= self.last_day)
            and (self.tiers is None or now.tier in self.tiers)
            and (self.sentiments is None or now.sentiment in self.sentiments)
            and (self.topics is None or not self.topics.isdisjoint(now.topics))
            and (self.loads is None or now.load in self.loads)
            and self.hours in {None, now.hours}
            and self.maintenance in {None, now.maintenance}
        )


class PromptRule(BaseModel):
    """A text for the agents, under a condition. A higher priority comes first, and wins where two contradict."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(min_length=1, max_length=100)
    condition: Condition = Condition()
    text: str = Field(min_length=1, max_length=2000)
    priority: int = Field(0, ge=-1000, le=1000)


def applicable(rules: Iterable[PromptRule], now: Circumstances) -> tuple[PromptRule, ...]:
    """Return the rules that hold, the most important first; of equal priority, in the order of their names."""
    return tuple(
        sorted(
            (rule for rule in rules if rule.condition.holds(now)),
            key=lambda rule: (-rule.priority, rule.name),
        )
    )
