"""The facts of a text that can be looked up: numbers, amounts, ids, dates and times, in forms that can be compared.

Written differently, a fact is the same: 1,249.00 and 1249; 2 November 2026 and 2026-11-02; `total_cents: 4990` and
49.90 EUR. What can be read in two ways (03/04/2026, 1,249) is supported by either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

#: Counts up to this are everyday language ("two steps", "in 5 minutes") unless they are money or a percentage.
LARGEST_COUNT = 12
#: Phrases with numbers that state nothing.
_IDIOMS = ("24/7", "100%", "100 %")

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_NUMBER = r"\d{1,3}(?:[,.' ]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d+)?"
_MONEY = r"€|\$|£|¥|eur(?:os?)?\b|usd\b|gbp\b|chf\b|dollars?\b|cents?\b"
_UNITS = "st|nd|rd|th|ms|s|h|min|kg|g|cm|mm|km|m|gb|mb|v|w|hz|x|k"
_FACT = re.compile(
    rf"""
      (?P<iso>\b\d{{4}}-\d{{2}}-\d{{2}})(?:T|\b)
    | (?P<day>\b\d{{1,2}})(?:st|nd|rd|th)?\ (?:of\ )?(?P<month>{_MONTH})(?:,?\ (?P<year>\d{{4}}))?
    | \b(?P<month_first>{_MONTH})\ (?P<day_second>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\ (?P<year_last>\d{{4}}))?
    | (?P<date>\b\d{{1,2}}[./]\d{{1,2}}[./](?:\d{{4}}|\d{{2}})\b)
    | (?P<time>(?:\b|(?<=\dT))\d{{1,2}}:\d{{2}})(?::\d{{2}})?\b
    | (?P<before>(?:{_MONEY})\ ?)?(?<![\w.,])(?P<number>{_NUMBER})
      (?P<after>\ ?(?:{_MONEY}|%)|(?:{_UNITS})\b|-[a-z]{{3,}}\b)?(?![\w-]*\w)
    | (?P<id>\b(?=[\w-]{{0,60}}\d)[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*\b)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CENTS = re.compile(r"_cents\W{1,4}(-?\d{1,12})\b")


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact, as it is written, and in the forms any of which supports it."""

    shown: str
    forms: frozenset[str]


def facts_of(text: str) -> list[Fact]:
    """Return the facts that a text states, each once."""
    for idiom in _IDIOMS:
        text = text.replace(idiom, " ")
    facts = (_fact(found) for found in _FACT.finditer(text))
    return list({fact.forms: fact for fact in facts if fact}.values())


def supported_by(evidence: Iterable[str]) -> frozenset[str]:
    """Return the forms of all facts in texts or JSON, parts of ids and dates among them."""
    forms: set[str] = set()
    for text in evidence:
        for found in _FACT.finditer(text):
            forms.update(_known(found))
        forms.update(_decimal(Decimal(each[1]) / 100) for each in _CENTS.finditer(text))
    return frozenset(forms)


def unsupported(text: str, evidence: Iterable[str]) -> list[Fact]:
    """Return the facts of a text that nothing supports."""
    known = supported_by(evidence)
    return [fact for fact in facts_of(text) if not fact.forms & known]


def _fact(found: re.Match[str]) -> Fact | None:
    if found["number"]:
        forms = _numbers(found["number"])
        money = found["before"] or re.search(rf"{_MONEY}|%", found["after"] or "", re.IGNORECASE)
        if not money and all(Decimal(form) <= LARGEST_COUNT for form in forms):
            return None
    elif found["id"]:
        digits = re.sub(r"\D", "", found["id"])
        if len(digits) < 3 and not re.search(r"[A-Za-z]+[-_]\d\d", found["id"]):
            return None  # MP3, 4K, USB-C
        forms = frozenset({found["id"].lower()})
    else:
        forms = _moments(found)
    return Fact(found[0].strip(), forms) if forms else None


def _known(found: re.Match[str]) -> Iterator[str]:
    if found["number"]:
        yield from _numbers(found["number"])
    elif found["id"]:
        yield found["id"].lower()
        for digits in re.findall(r"\d+", found["id"]):
            yield from _numbers(digits)
    else:
        for form in _moments(found):
            yield form
            yield form[-5:]  # without the year
            if len(form) == 10:
                yield form[:4]


def _numbers(written: str) -> frozenset[str]:
    """Read a number with points and commas in all ways that make sense."""
    plain = re.sub(r"[' ]", "", written)
    last = max(plain.rfind(","), plain.rfind("."))
    readings = {re.sub(r"[,.]", "", plain[:last]) + "." + plain[last + 1 :]} if last >= 0 else {plain}
    if last >= 0 and len(plain) - last == 4:  # three digits after it: thousands
        readings.add(re.sub(r"[,.]", "", plain))
    return frozenset(_decimal(Decimal(reading)) for reading in readings)


def _decimal(number: Decimal) -> str:
    try:
        return f"{number.normalize():f}"
    except InvalidOperation:  # more digits than the context holds
        return str(number)


def _moments(found: re.Match[str]) -> frozenset[str]:
    if found["iso"]:
        return frozenset({found["iso"]})
    if found["time"]:
        return frozenset({found["time"].zfill(5)})
    if found["date"]:
        first, second, year = re.split(r"[./]", found["date"])
        full = year if len(year) == 4 else f"20{year}"
        return frozenset({f"{full}-{second:0>2}-{first:0>2}", f"{full}-{first:0>2}-{second:0>2}"})
    month = _MONTHS.index((found["month"] or found["month_first"])[:3].lower()) + 1
    day, year = found["day"] or found["day_second"], found["year"] or found["year_last"]
    return frozenset({f"{year}-{month:02}-{day:0>2}" if year else f"{month:02}-{day:0>2}"})
