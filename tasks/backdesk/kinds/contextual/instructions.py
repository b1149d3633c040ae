"""What the contextual assistant is told for one request, composed from typed values. Pure.

Whatever a customer or an operator has written is quoted, on one line and cut, so that it reads as data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from backdesk.kinds.contextual.contract import Sentiment
from backdesk.kinds.contextual.profile import CustomerProfile, PastInteraction
from backdesk.kinds.contextual.prompt_rules import PromptRule
from backdesk.kinds.contextual.topics import Topic
from backdesk.platform.business_hours import BusinessHours, tell_moment
from backdesk.platform.load import maintenance_told, told
from backdesk.worker.model.deployment import SystemState

#: What is quoted of a text, in characters.
MOST_QUOTED = 200

_STYLES = {
    "formal": "Write formally: full sentences, the customer's surname, no contractions.",
    "casual": "Write casually: the customer's first name, short and warm sentences.",
    "concise": "Be concise: at most three short sentences.",
    "detailed": "Be detailed: say why, and list the steps.",
    "simple": "Write simply: short sentences, everyday words, one thing at a time; explain any term that you need.",
    "technical": "Write technically: exact terms, figures and settings, without an introduction to them.",
    "balanced": "Write in a balanced way: the answer first, then why in a sentence or two, neither curt nor long.",
}
_NO_STYLE = "Write in a few friendly sentences."
_TIERS = {
    "basic": "a basic customer",
    "premium": "a premium customer: offer the better choice first, and to open a ticket when anything is left",
    "enterprise": "an enterprise customer: answer completely, and see to it that nothing is left without a ticket",
}


class Moment(BaseModel):
    """When and how the customer writes. `at` is aware; `next_opening` is `at` while people are there."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    next_opening: datetime
    #: The opening hours, by the customer's clocks.
    hours: str
    sentiment: Sentiment = "neutral"
    topics: tuple[Topic, ...] = ()

    @property
    def open(self) -> bool:
        """Whether people are there to be reached."""
        return self.next_opening == self.at


def moment_of(
    at: datetime, time_zone: str, hours: BusinessHours, sentiment: Sentiment, topics: tuple[Topic, ...]
) -> Moment:
    """Return the moment of a request, with the opening hours as the customer sees them."""
    return Moment(
        at=at,
        next_opening=hours.next_opening(at),
        hours=hours.describe(time_zone, at),
        sentiment=sentiment,
        topics=topics,
    )


def compose(profile: CustomerProfile, system: SystemState, rules: Sequence[PromptRule], moment: Moment) -> str:
    """Return the instructions for one request; the same values give the same text."""
    parts = [
        ("The customer", _about_customer(profile)),
        ("Their last conversations, the newest first", map(_past, profile.interactions)),
        ("The moment", _about_moment(profile, moment)),
        ("The system", _about_system(system)),
        ("Rules that hold now, the most important first", (rule.text for rule in rules)),
    ]
    return "\n".join(text for title, lines in parts if (text := _section(title, lines)))


def quoted(text: str) -> str:
    """Return a text of somebody else as one line of data, cut at `MOST_QUOTED` characters."""
    cut = text if len(text) <= MOST_QUOTED else f"{text[: MOST_QUOTED - 1]}…"
    return json.dumps(cut, ensure_ascii=False)


def _section(title: str, lines: Iterable[str]) -> str:
    told_lines = [f"- {line}" for line in lines]
    return "\n".join([f"{title}:", *told_lines]) if told_lines else ""


def _about_customer(profile: CustomerProfile) -> Iterable[str]:
    name = quoted(profile.name) if profile.name else "not known"
    yield f"Name: {name}. They are {_TIERS[profile.tier]}."
    yield _STYLES.get(profile.preferences.get("communication_style", ""), _NO_STYLE)
    others = {name: value for name, value in profile.preferences.items() if name != "communication_style"}
    if others:
        yield f"They prefer: {', '.join(f'{name} {value}' for name, value in others.items())}."


def _past(interaction: PastInteraction) -> str:
    asked, answered = quoted(interaction.asked), quoted(interaction.answered)
    return f"{interaction.at:%Y-%m-%d}, {interaction.sentiment}: asked {asked}, was answered {answered}"


def _about_moment(profile: CustomerProfile, moment: Moment) -> Iterable[str]:
    yield f"It is {tell_moment(moment.at, profile.time_zone)} for the customer."
    if moment.open:
        yield f"People are there to be reached now: {moment.hours}."
    else:
        opening = tell_moment(moment.next_opening, profile.time_zone)
        yield f"Nobody is there to be reached before {opening}; promise nothing earlier. Hours: {moment.hours}."
    about = ", ".join(moment.topics) or "nothing known"
    yield f"The customer sounds {moment.sentiment}. The message is about: {about}."


def _about_system(system: SystemState) -> Iterable[str]:
    yield told(system)
    if notice := maintenance_told(system):
        yield f"{notice} Tell the customer if it may concern them."
