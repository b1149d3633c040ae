"""The weekday on which a statement puts a time of day, held against opening days and against moments that are known.

Any weekday of "Mon-Fri" is supported by itself; that does not put an appointment of Tuesday on Wednesday.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from backdesk.quality.facts import OPENING_DAYS, Fact, facts_of, supported_by
from backdesk.quality.language import language_of
from backdesk.quality.notation import plain
from backdesk.quality.pattern import weekdays_for

_CLOCK = re.compile(r"\d\d:\d\d")
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?!(?::\d\d(?:\.\d+)?)?Z)(?::\d\d(?:\.\d+)?)?(?:[+-]\d\d:?\d\d)?"
)


def on_closed_days(text: str, evidence: Iterable[str], *, language: str | None, today: date | None) -> list[Fact]:
    """Return the weekdays of a statement with a time of day that are not among the opening days, where these are known.

    `evidence` is without the question: that the customer asks about Sunday does not open the shop on it.
    """
    weekdays, clocks = _weekdays_and_clocks(text, language, today)
    if not weekdays or not clocks:
        return []
    known = supported_by(evidence, language=language, today=today)
    return [fact for fact in weekdays if not fact.forms & known] if OPENING_DAYS in known else []


def on_other_days(text: str, evidence: Iterable[str], *, language: str | None, today: date | None) -> list[Fact]:
    """Return the weekdays of a statement whose time nothing has but moments, such as an appointment, of other days.

    `evidence` is with the question. A weekday that stands in it by itself, or that a date in it has, is supported.
    """
    given = tuple(evidence)
    weekdays, clocks = _weekdays_and_clocks(text, language, today)
    moments = [found for each in given for found in _MOMENT.finditer(each) if found[2] in clocks]
    if not weekdays or not moments:
        return []
    beside = [_without_ranges(_MOMENT.sub(" ", each), language) for each in given]
    known = supported_by([*beside, *(found[1] for found in moments)], language=language, today=today)
    return [] if any(each.forms & known for each in weekdays) or clocks & known else weekdays


def _weekdays_and_clocks(text: str, language: str | None, today: date | None) -> tuple[list[Fact], frozenset[str]]:
    stated = facts_of(text, language=language, today=today)
    weekdays = [fact for fact in stated if any(form.startswith("weekday") for form in fact.forms)]
    return weekdays, frozenset(form for fact in stated for form in fact.forms if _CLOCK.fullmatch(form))


def _without_ranges(text: str, language: str | None) -> str:
    weekdays = weekdays_for(language_of(text) or language)
    return weekdays.sub(lambda found: " " if found["first"] else found[0], plain(text))
