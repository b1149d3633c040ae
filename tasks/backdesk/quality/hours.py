"""Times of day that a text writes in words: "at five", "um siebzehn Uhr", "half past three", "halb vier"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backdesk.quality.calendar import calendar_of, word_of
from backdesk.quality.pattern import half_hours_for, worded_hours_for


@dataclass(frozen=True, slots=True)
class WordedTime:
    """One of them: the hour and minute as written, and the half of the day where a word tells it."""

    found: re.Match[str]
    hour: int
    minute: str | None
    half: str | None
    #: "At two of our shops" is none, but what a customer says may well be one.
    certain: bool


def worded_times(text: str, language: str | None) -> Iterator[WordedTime]:
    """Return the times in words of a text in that language, and in English."""
    for found in half_hours_for(language).finditer(text):
        written = found["past"] or found["to"] or found["then"]
        hour = _hour(written, language) - (1 if found["to"] else 0)
        if 0 <= hour <= 24:
            yield WordedTime(found, hour or 12, "30", found["half"], certain=True)
    for found in worded_hours_for(language).finditer(text):
        written = found["at"] or found["after"] or found["clock"] or found["east"]
        half = found["half_at"] or found["half_after"] or found["half_clock"] or found["half_east"]
        certain = bool(half or found["o_clock"] or found["after"] or found["clock"])
        hour = _hour(written, language)
        if certain or hour > 1:  # "at one of our shops", "om een afspraak": hardly ever a time, whoever says it
            yield WordedTime(found, hour, "30" if found["half_past"] else None, half, certain)


def _hour(written: str, language: str | None) -> int:
    words = calendar_of(language)
    word = word_of(written)
    return int(word) if word.isdecimal() else words.hours.get(word) or words.numbers[word]
