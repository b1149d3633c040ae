"""What is around one request: whom it comes from, how they sound, what rules hold, and how the deployment is.

It is read once a job. What the message teaches about the customer is the agent's to find out, and is kept by its tool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field

from backdesk.agents.desk import Context, Desk
from backdesk.kinds.contextual.contract import PreferenceSeen
from backdesk.kinds.contextual.instructions import Moment, compose, moment_of
from backdesk.kinds.contextual.preferences import Statement
from backdesk.kinds.contextual.profile import CustomerProfile, read_profile, read_rules
from backdesk.kinds.contextual.prompt_rules import Circumstances, PromptRule, applicable
from backdesk.kinds.contextual.sentiment import MOST_MESSAGES, polarity_of, sentiment_of
from backdesk.kinds.contextual.topics import topics_of
from backdesk.platform.load import load_of
from backdesk.tools.status import seen
from backdesk.worker.model.deployment import SystemState

#: How many rules are told at once, the most important ones.
MOST_RULES = 12


class Surroundings(Context):
    """What is around one request. Only how the customer sounded goes on to the next message: the rest is new then."""

    profile: CustomerProfile = CustomerProfile()
    #: Those in force, after what was stated in this request.
    preferences: dict[str, str] = Field(default_factory=dict)
    system: SystemState | None = None
    rules: tuple[PromptRule, ...] = ()
    moment: Moment | None = None
    #: What this very message has taught.
    learned: tuple[Statement, ...] = ()
    #: Of the last messages of the conversation, the oldest first.
    polarities: tuple[float, ...] = ()

    def carried(self) -> Surroundings:
        return Surroundings(polarities=self.polarities)

    def told(self) -> str:
        """Return the instructions that tell of it; empty before anybody has looked around."""
        if self.system is None or self.moment is None:
            return ""
        profile = self.profile.model_copy(update={"preferences": self.preferences})
        return compose(profile, self.system, self.rules, self.moment)

    def shown(self) -> dict[str, Any]:
        """Return what events and results show of it, as fields of ContextualResult."""
        if self.system is None or self.moment is None:
            return {}
        return {
            "sentiment": self.moment.sentiment,
            "rules": [rule.name for rule in self.rules],
            "preferences": self.preferences,
            "learned": [
                PreferenceSeen(**each.model_dump(include={"name", "value", "reason"})) for each in self.learned
            ],
            "local_time": self.moment.at.astimezone(ZoneInfo(self.profile.time_zone)),
            "business_hours": self.moment.open,
            "system": seen(self.system),
        }


async def look_around(desk: Desk[Surroundings], before: Sequence[float], message: str) -> Surroundings:
    """Read what is around a message; `before` are the polarities of the messages before it."""
    polarities = (*before, await asyncio.to_thread(polarity_of, message))[-MOST_MESSAGES:]
    profile, rules = await desk.database.in_thread(lambda: _read(desk))
    system, at = await desk.system(), desk.database.now()
    moment = moment_of(
        at, profile.time_zone, desk.settings.business_hours, sentiment_of(polarities), topics_of(message)
    )
    holding = applicable(rules, circumstances(profile, system, moment))[:MOST_RULES]
    return Surroundings(
        profile=profile,
        preferences=profile.preferences,
        system=system,
        rules=holding,
        moment=moment,
        polarities=polarities,
    )


def circumstances(profile: CustomerProfile, system: SystemState, moment: Moment) -> Circumstances:
    """Return what rules for prompts can ask about."""
    return Circumstances(
        day=moment.at.astimezone(ZoneInfo(profile.time_zone)).date(),
        tier=profile.tier,
        sentiment=moment.sentiment,
        topics=moment.topics,
        load=load_of(system),
        hours="open" if moment.open else "closed",
        maintenance=system.maintenance is not None,
    )


def _read(desk: Desk[Surroundings]) -> tuple[CustomerProfile, list[PromptRule]]:
    with desk.database.read() as session:
        return read_profile(session, desk.tenant, desk.customer_id), read_rules(session, desk.tenant)
