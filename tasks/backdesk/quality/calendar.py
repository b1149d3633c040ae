"""What each language calls days, months, parts of the day and spans of time: by Unicode's CLDR, and its own file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

from backdesk.quality.notation import AFTER, BEFORE, UNPARTED, folded
from backdesk.quality.vocabulary import Vocabulary, vocabularies

#: Spans in the unit that they are compared in, and how many of it they are.
SPANS = {
    "minute": ("min", 1),
    "hour": ("h", 1),
    "day": ("h", 24),
    "week": ("h", 168),
    "month": ("months", 1),
    "year": ("months", 12),
}
BY_HOURS = ("hours_after", "half_past", "then_half", "half_to")
_PARTS = {"morning": "am", "afternoon": "pm", "noon": "pm", "evening": "pm", "night": "pm", "am": "am", "pm": "pm"}
#: The names of CLDR where they differ from ISO 639-1.
_NAMES = {"no": "nb"}


@dataclass(frozen=True, slots=True)
class Calendar:
    """The words of one language, as `word_of` returns them, with what they mean."""

    months: dict[str, int] = field(default_factory=dict)
    #: 0 is Monday.
    weekdays: dict[str, int] = field(default_factory=dict)
    short_weekdays: dict[str, int] = field(default_factory=dict)
    #: `am` and `pm`.
    halves: dict[str, str] = field(default_factory=dict)
    #: Names of `SPANS`.
    spans: dict[str, str] = field(default_factory=dict)
    hours: dict[str, int] = field(default_factory=dict)
    #: What stands before or after an hour, and which of `BY_HOURS` that is.
    by_hours: dict[str, str] = field(default_factory=dict)
    #: After what a number may be a time of day; and what names one, in its form.
    at: dict[str, str] = field(default_factory=dict)
    clock: dict[str, str] = field(default_factory=dict)
    #: Parts of an hour, in minutes.
    minutes: dict[str, int] = field(default_factory=dict)
    #: Days from today.
    relative: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    #: Weekdays that are everyday words too, and how they are written where they are none.
    homonyms: dict[str, str] = field(default_factory=dict)


@cache
def calendar_of(language: str | None) -> Calendar:
    """Return the words of a language, and of English beside it; English alone for one that is not known."""
    codes = ["en", *([language] if language and language != "en" else ())]
    found = [_calendar(code) for code in codes]
    merged = {
        name: {word: value for each in found for word, value in getattr(each, name).items()}
        for name in Calendar.__dataclass_fields__
    }
    return Calendar(**merged)


@cache
def months_after_points(language: str) -> tuple[str, ...]:
    """Return the months of a language that writes ordinals with a point, as in "3. Dezember"; none of others."""
    written = _cldr(_NAMES.get(language, language)).get("date_formats", {}).get("long", "")
    return tuple(_calendar(language).months) if "d. MMMM" in str(getattr(written, "pattern", written)) else ()


def _calendar(code: str) -> Calendar:
    own, data = vocabularies().get(code, Vocabulary()), _cldr(_NAMES.get(code, code))
    short = {word: at for word, at in _names(data, "months", "abbreviated").items() if len(word) > 2}
    months = {**short, **_inflected(_names(data, "months", "wide"), own), **_numbered(own.months, 1)}
    weekdays = {**_inflected(_names(data, "days", "wide"), own), **_numbered(own.weekdays, 0)}
    return Calendar(
        months={word: at for word, at in months.items() if not word[0].isdigit()},
        weekdays=weekdays
        | {f"{word}s": at for word, at in weekdays.items() if word[-1:].isascii() and word[-1:] != "s"},
        short_weekdays=_names(data, "days", "abbreviated", "short"),
        halves={**dict(_halves(data)), **_all(own.am, "am"), **_all(own.pm, "pm")},
        spans={**dict(_spans(data)), **{word_of(word): span for span, words in own.spans.items() for word in words}},
        hours=_numbered(own.hours, 1),
        by_hours={word_of(word): name for name in BY_HOURS for word in getattr(own, name)},
        at=_all(own.at, "at"),
        clock={word_of(word): form for form, words in own.clock.items() for word in words},
        minutes=_by_number(own.minutes),
        relative={**_relative(data), **_by_number(own.days)},
        numbers={word_of(word): int(number) for number, words in own.numbers.items() for word in words.split()},
        homonyms=_homonyms(own),
    )


def _by_number(lists: Mapping[str, Iterable[str]]) -> dict[str, int]:
    return {word_of(word): int(number) for number, words in lists.items() for word in words}


def _all(words: Iterable[str], meaning: str) -> dict[str, str]:
    return {word_of(word): meaning for word in words}


def _cldr(code: str) -> Mapping[str, Any]:
    # It takes time that most processes never need.
    from babel import localedata  # noqa: PLC0415

    # As all who format by it: what is loaded in another way is cached, and found so by them.
    data: Any = localedata.load(code) if localedata.exists(code) else {}
    return localedata.LocaleDataDict(data)


def word_of(written: object) -> str:
    """Return a word, or several, as a calendar has them: in one case, without points, a space between words."""
    return " ".join(folded(str(written)).replace(".", "").split())


def _names(data: Mapping[str, Any], what: str, *widths: str) -> dict[str, int]:
    forms = (
        data.get(what, {}).get(context, {}).get(width, {}) for context in ("format", "stand-alone") for width in widths
    )
    return {word_of(name): at for form in forms if isinstance(form, Mapping) for at, name in form.items()}


def _numbered(lines: Iterable[str], first: int) -> dict[str, int]:
    return {word_of(word): at for at, line in enumerate(lines, first) for word in line.split("|") if word}


def _inflected(names: Mapping[str, int], own: Vocabulary) -> dict[str, int]:
    return {form: at for name, at in names.items() for form in _forms(name, own)}


def _forms(name: str, own: Vocabulary) -> Iterator[str]:
    yield name
    end = max((each for each in own.endings if name.endswith(folded(each))), key=len, default=None)
    if end is not None:
        yield from (name.removesuffix(folded(end)) + folded(each) for each in own.endings[end].split())


def _homonyms(own: Vocabulary) -> dict[str, str]:
    capitals = (form for word in own.capitalized for form in _forms(word_of(word), own))
    amid = "|".join(own.amid.split())
    ordinals = (form for word in own.ordinals for form in (word_of(word), f"{word_of(word)}s"))
    return {
        **{word: rf"(?-i:{word[0].upper()}){_pattern(word[1:])}" for word in capitals},
        **{word: rf"{_pattern(word)}(?!\s(?!(?:{amid})\b)[^\W\d_])" for word in ordinals},
    }


def _halves(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for width in ("abbreviated", "wide"):
        parts = data.get("day_periods", {}).get("format", {}).get(width, {})
        for name, written in parts.items() if isinstance(parts, Mapping) else ():
            if half := _PARTS.get(name.rstrip("12")):
                yield word_of(written), half


def _spans(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for span in SPANS:
        patterns = data.get("unit_patterns", {}).get(f"duration-{span}", {}).get("long", {})
        for name, pattern in patterns.items():
            word = word_of(str(pattern).replace("{0}", " "))
            if name != "per" and "{0}" in str(pattern) and word:
                yield word, span


def _relative(data: Mapping[str, Any]) -> dict[str, int]:
    days = data.get("date_fields", {}).get("day", {}).get("relative", {})
    return {word_of(word): at for at, word in days.items()}


def either(words: Iterable[str], homonyms: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a pattern for any of these as whole words, the longest first."""
    longest = sorted(set(words), key=len, reverse=True)
    # The boundaries stand outside, so that a branch begins with its first letter, which is what makes it fast.
    apart = "|".join(homonyms.get(word) or _pattern(word) for word in longest if not UNPARTED.match(word))
    joined = "|".join(re.escape(word) for word in longest if UNPARTED.match(word))
    parts = [rf"{BEFORE}(?:{apart}){AFTER}"] if apart else []
    return f"(?:{'|'.join([*parts, *([joined] if joined else ())]) or '(?!)'})"


def _pattern(word: str) -> str:
    return re.escape(word).replace(r"\ ", r"\s{1,2}")
