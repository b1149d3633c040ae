"""Specialists: agents that requests are sent to by what they are about. Any module may register one of its own.

A message points to a specialist by signs: patterns with a weight. Rules decide where one specialist is far ahead of all
others, so that no model is asked for what plain words tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from backdesk.agents.card import Agent
from backdesk.agents.situation import Decide
from backdesk.worker.errors import ConfigurationError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
#: From which weight on signs say enough, and how many times as much as those of any other specialist.
LEAST_WEIGHT, LEAST_LEAD = 2.0, 2.0
#: How much of a message is looked at, in characters.
MOST_READ = 4_000


@dataclass(frozen=True, slots=True)
class Sign:
    """What in a message points to a specialist, how much it says, and what it is in words. Negative: away from it."""

    pattern: re.Pattern[str]
    weight: float
    means: str


@dataclass(frozen=True, slots=True)
class Specialist:
    """An agent with what is known of its field. `about` and `examples` tell a model, `signs` decide without one.

    `notices` is for what no pattern can see: it gets a message, and returns signs that it has found. `rules` answer
    where no model is configured. Raises ConfigurationError for a name that is none.
    """

    name: str
    card: Agent
    about: str
    signs: Sequence[Sign] = ()
    notices: Callable[[str], Iterable[tuple[float, str]]] | None = None
    examples: Sequence[str] = ()
    rules: Decide | None = None
    #: Whether it takes what is nobody else's field. Of these there is one.
    takes_rest: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(f"a specialist is named by up to 40 letters, digits or _, not {self.name!r}")

    def weighed(self, message: str) -> tuple[float, list[str]]:
        """Return how much in a message points to it, and what does."""
        text = message[:MOST_READ]
        found = [(sign.weight, sign.means) for sign in self.signs if sign.pattern.search(text)]
        found += self.notices(text) if self.notices else ()
        return sum(weight for weight, _ in found), [means for weight, means in found if weight > 0]


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whom the rules send a message to, and why; no specialist where they do not tell."""

    specialist: str | None
    reason: str
    confidence: float


#: The team of those that messages are sent to.
ROUTE = "route"
_registered: dict[tuple[str, str], Specialist] = {}


def register_specialist(specialist: Specialist, *, team: str = ROUTE) -> Specialist:
    """Make an agent one of those who are asked, by `team.route` unless it is said of another team.

    Raises ConfigurationError for a name that another one of the team has.
    """
    known = _registered.setdefault((team, specialist.name), specialist)
    if known is not specialist:
        raise ConfigurationError(f"there is a specialist {specialist.name!r} already")
    return specialist


def withdraw_specialist(name: str, *, team: str = ROUTE) -> None:
    """Ask a specialist of a team nothing any more. Idempotent."""
    _registered.pop((team, name), None)


def specialists(team: str = ROUTE) -> tuple[Specialist, ...]:
    """Return those of a team that are registered, in that order."""
    return tuple(each for (whose, _), each in _registered.items() if whose == team)


def ruling_on(message: str, among: Sequence[Specialist]) -> Ruling:
    """Return what the rules say of a message: the specialist whose signs are far ahead, or none."""
    weighed = sorted(((*each.weighed(message), each.name) for each in among), key=lambda one: -one[0])
    first, *others = weighed or [(0.0, [], "")]
    second = max(0.0, others[0][0]) if others else 0.0
    if first[0] < LEAST_WEIGHT:
        return Ruling(None, "nothing in the message points to one of them", 0.0)
    confidence = round(first[0] / (first[0] + second), 2)
    if first[0] < LEAST_LEAD * second:
        return Ruling(
            None, f"it could be for {first[2]} ({first[1][0]}) or {others[0][2]} ({others[0][1][0]})", confidence
        )
    return Ruling(first[2], ", ".join(dict.fromkeys(first[1])), confidence)
