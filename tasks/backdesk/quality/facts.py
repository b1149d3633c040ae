"""The facts of a text that can be looked up: numbers, amounts, ids, dates, weekdays, times and spans, as values.

Written differently, a fact is the same: 1,249.00 and 1249; 2 November 2026, 2. listopadu 2026 and 2026-11-02; 3 PM,
15 Uhr and 午後3時; two weeks and 14 jours; `total_cents: 4990` and 49,90 €. What can be read in two ways (03/04/2026,
1,249) is supported by either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

from backdesk.quality.calendar import Calendar, calendar_of, word_of
from backdesk.quality.emergency import is_emergency_call
from backdesk.quality.figures import MONEY, PERCENT, currencies_of, decimal, readings
from backdesk.quality.hours import worded_times
from backdesk.quality.language import language_of, languages_of
from backdesk.quality.notation import plain
from backdesk.quality.pattern import (
    DEGREES,
    HOUR_WORD,
    before_time_for,
    named_times_for,
    parts_of_hours_for,
    pattern_for,
    relative_for,
    weekdays_for,
    worded_spans_for,
)
from backdesk.quality.values import (
    date_forms,
    dates_of,
    day_or_none,
    forms_of_date,
    is_date,
    parts_of,
    span_of,
    weekday,
)

#: Counts up to this are everyday language ("two steps", "in 5 minutes") unless they are money, a share, days or hours.
LARGEST_COUNT = 12
#: A value that a text may be asked for.
Value = Decimal | int | date | datetime | time | str

#: Phrases with numbers that state nothing; the hour of a moment in UTC is no customer's, and an offset is no hour.
_IDIOMS = re.compile(
    r"24\s?h?/(?:24|7)|7\s?[jd]?/7|\b100\s?%|(?<=\d\d-\d\d)[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?Z\b"
    r"|(?:(?<=T\d\d:\d\d)|(?<=T\d\d:\d\d:\d\d)|(?<=:\d\d\.\d{6}))[+-]\d\d:?\d\d\b"
)
_CENTS = re.compile(r"_cents\W{1,4}(-?\d{1,12})\b")
_SPAN_FIELD = re.compile(r"(minute|hour|day|week|month|year)s?(?:_[a-z]{1,12})?\"\s?:\s?(\d{1,4})\b")
_CURRENCY_CODE = re.compile(r"\b[A-Z]{3}\b")
_SHARE_OR_MONEY = re.compile(rf"{MONEY}|{PERCENT}", re.IGNORECASE)
#: "Guten Morgen", "por la mañana": the part of the day and not the day.
_PART_OF_DAY = re.compile(r"\b(?:guten|am|la|jeden|heute|gestern|goede|this|der)\s\Z", re.IGNORECASE)
#: As in "20.00'de" of Turkish, and for "as of".
_TIME_SUFFIX = re.compile(r"'[dt]?[ae]n?\b|\sitibar", re.IGNORECASE)
_BARE = re.compile(r"-?[\d.]+")
_MOST_DAYS = 400
#: A form of what has a range of weekdays, such as opening hours.
OPENING_DAYS = "opening days"
#: The groups of the pattern that may hold a half of the day.
_HALVES = ("half_before", "half", "half_h", "half_w", "half_o", "half_at")


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact, as it is written, and in the forms any of which supports it; of money also what currency it may be."""

    shown: str
    forms: frozenset[str]
    currencies: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text states, read in one language, and what of it nothing supports."""

    language: str | None
    stated: tuple[Fact, ...]
    unsupported: tuple[Fact, ...]

    @property
    def understood(self) -> int:
        """How many of the facts are more than a bare number, as "17 mai" is to who does not know the month."""
        return sum(not all(_BARE.fullmatch(form) for form in fact.forms) for fact in self.stated)


def facts_of(text: str, *, language: str | None = None, today: date | None = None) -> list[Fact]:
    """Return the facts that a text states, each once; `language` where it is known better than the text tells.

    Where today is known, "tomorrow" is one.
    """
    return list(_facts(text, language, today))


def supported_by(evidence: Iterable[str], *, language: str | None = None, today: date | None = None) -> frozenset[str]:
    """Return the forms of all facts in texts or JSON, parts of ids and dates among them.

    A text that does not tell its language is read in the one that is given.
    """
    known = frozenset[str]().union(*(_known(text, language_of(text) or language, today) for text in evidence))
    dates = {date.fromisoformat(each) for each in known if is_date(each)}
    if today is None:
        return known
    distances = {abs((each - today).days) for each in dates if each != today}
    return known.union(
        (f"{days * 24} h" for days in distances if days <= _MOST_DAYS),
        forms_of_date(today),
    )


def unsupported(
    text: str, evidence: Iterable[str], *, languages: Iterable[str] = (), today: date | None = None
) -> list[Fact]:
    """Return the facts of a text that nothing supports. An amount in a currency that nothing names is one.

    `languages` as for `read`.
    """
    return list(read(text, evidence, languages=languages, today=today).unsupported)


def read(text: str, evidence: Iterable[str], *, languages: Iterable[str] = (), today: date | None = None) -> Reading:
    """Read a text in that of `languages` in which the most of it is understood; of several, the most is supported.

    Without them, in those that it may be in. To who does not know the month, "5 mai" is a small count, and no date.
    """
    given = tuple(evidence)
    readings = [_read(text, given, each, today) for each in tuple(languages) or languages_of(text) or (None,)]
    return max(readings, key=lambda each: (each.understood, -len(each.unsupported)))


def carries(text: str, values: Iterable[Value], *, language: str | None = None, today: date | None = None) -> bool:
    """Whether a text states all of these values in any way of writing them, in any language that is known.

    `language` is what it should be in, for one that does not tell, such as "17 mai".
    A date, or its ISO form, may be given without its year, or as "tomorrow" or a weekday of the next six days where
    today is known; a datetime is a date and a time as given, whatever its zone; another text stands for the facts in
    it, or else for itself.
    """
    may_be = tuple(dict.fromkeys((*languages_of(text), language)))
    stated = tuple(fact for each in may_be for fact in _facts(text, each, today))
    known = frozenset(form for fact in stated for form in fact.forms).union(
        *(_known(text, each, None) for each in may_be)
    )
    return all(_is_carried(value, text, stated, known, today) for value in values)


def _is_carried(value: Value, text: str, stated: tuple[Fact, ...], known: frozenset[str], today: date | None) -> bool:
    if isinstance(value, datetime):
        return all(_is_carried(each, text, stated, known, today) for each in (value.date(), value.time()))
    if isinstance(value, str) and is_date(value):
        value = day_or_none(*map(int, value.split("-"))) or value
    if isinstance(value, date):
        near = today is not None and timedelta(0) < value - today < timedelta(7)
        may_be = {value.isoformat(), f"{value:%m-%d}", *([weekday(value)] if near else ())}
        return any(fact.forms & may_be for fact in stated)
    if isinstance(value, time):
        return f"{value:%H:%M}" in known
    if isinstance(value, str):
        facts = facts_of(value)
        carried = (fact.forms & known and not _is_other_money(fact, stated) for fact in facts)
        return all(carried) if facts else value.casefold() in text.casefold()
    return decimal(Decimal(value)) in known


def _is_other_money(wanted: Fact, stated: tuple[Fact, ...]) -> bool:
    """Whether an amount is stated, and each time in another currency."""
    amounts = [fact.currencies for fact in stated if fact.currencies and fact.forms & wanted.forms]
    return bool(wanted.currencies and amounts) and not any(wanted.currencies & each for each in amounts)


@lru_cache(maxsize=16)
def _facts(text: str, language: str | None, today: date | None) -> tuple[Fact, ...]:
    stated = _Reader(text, language, today).facts()
    return tuple({(fact.forms, fact.currencies): fact for fact in stated}.values())


# A check and two scores ask for the same.
@lru_cache(maxsize=16)
def _read(text: str, evidence: tuple[str, ...], language: str | None, today: date | None) -> Reading:
    stated = _facts(text, language, today)
    known = supported_by(evidence, language=language, today=today)
    money = {each for each in known if _CURRENCY_CODE.fullmatch(each)}
    missing = (
        fact for fact in stated if not fact.forms & known or (fact.currencies and money and not fact.currencies & money)
    )
    return Reading(language, stated, tuple(missing))


@lru_cache(maxsize=64)
def _known(text: str, language: str | None, today: date | None) -> frozenset[str]:
    """Return the forms of one text: prompts are the same for many answers."""
    forms: set[str] = set()
    for fact in _Reader(text, language, today).facts(every=True):
        for form in fact.forms:
            forms.update(parts_of(form))
            forms.update(part for day in dates_of(form, today) for part in forms_of_date(day))
        forms.update(fact.currencies)
    forms.update(decimal(Decimal(each[1]) / 100) for each in _CENTS.finditer(text))
    forms.update(span_of(int(each[2]), each[1]) for each in _SPAN_FIELD.finditer(text))
    if any(found["first"] for found in weekdays_for(language).finditer(plain(text))):
        forms.add(OPENING_DAYS)
    forms.update(each for each in _CURRENCY_CODE.findall(text) if currencies_of(each))
    return frozenset(forms)


class _Reader:
    """Reads the facts of one text in the language that it is in."""

    def __init__(self, text: str, language: str | None, today: date | None) -> None:
        self._language = language or language_of(text)
        self._text = _IDIOMS.sub(" ", plain(text))
        self._words: Calendar = calendar_of(self._language)
        self._today = today

    def facts(self, *, every: bool = False) -> Iterator[Fact]:
        """Return what is stated; `every` number among it, small counts as well."""
        yield from self._worded_times(every=every)
        dates: dict[int, Fact] = {}
        for found in pattern_for(self._language).finditer(self._text):
            for fact in self._read(found, every=every):
                if found["number"] and not every and self._states_nothing(found, fact.forms):
                    continue
                dates[found.start()] = fact
                yield fact
        for found in worded_spans_for(self._language).finditer(self._text):
            is_hour = found["half"] and HOUR_WORD.fullmatch(found["span"])
            yield from self._hour(found) if is_hour else self._spans(found, every=every)
        for found in named_times_for(self._language).finditer(self._text):
            yield Fact(found[0], frozenset({self._words.clock[word_of(found[0])]}))
        yield from self._parts_of_hours(every=every)
        yield from self._weekdays(dates)
        yield from self.relative()

    def _states_nothing(self, found: re.Match[str], forms: frozenset[str]) -> bool:
        bare = not found["before"] and not found["after"]
        return _is_small(found, forms) or (
            bare and is_emergency_call(found["number"], self._text, found.start("number"), self._language)
        )

    def _read(self, found: re.Match[str], *, every: bool) -> Iterator[Fact]:
        shown = found[0].strip()
        if found["number"]:
            around = f"{found['before'] or ''} {found['after'] or ''}"
            hour = self._bare_hour(found["number"], *found.span()) if not around.strip() else frozenset()
            yield Fact(
                shown, readings(found["number"]) | hour, currencies_of(around) if around.strip() else frozenset()
            )
        elif found["id"]:
            if _is_id(found["id"]):
                yield Fact(shown, frozenset({found["id"].lower()}))
        elif found["span"]:
            yield from self._spans(found, every=every)
        elif found["range_from"]:
            for end in (found["range_from"], found["range_to"]):
                at, minutes = end.split(".")
                yield Fact(shown, readings(end) | self._clock(at, minutes, None))
        elif forms := self._moment(found):
            yield from (Fact(shown, each) for each in forms)

    def _bare_hour(self, number: str, start: int, end: int) -> frozenset[str]:
        """Return the time that a number may be: one that stands by itself after a word ("until 18"), or "by 18.00"."""
        written = re.fullmatch(r"(0?[1-9]|1\d|2[0-4])(?:\.([0-5]\d))?", number)
        if not written:
            return frozenset()
        before, after = self._text[max(start - 20, 0) : start], self._text[end : end + 6]
        alone = re.match(rf"[,;!?)]|\.?(?:\s|\Z)(?!\s?(?:[^\W\d_]|{DEGREES}))", after)
        at = before_time_for(self._language).search(before)
        if written[2]:
            is_time = at or _TIME_SUFFIX.match(self._text, end)
        else:  # "в 18 магазинах" are shops, "o 18 w piątek" is a time
            is_time = (alone and re.search(r"[^\W\d_]\s\Z", before)) or (at and re.match(r"\s[^\W\d_]{1,2}\s", after))
        return self._clock(written[1], written[2], None) if is_time else frozenset()

    def _spans(self, found: re.Match[str], *, every: bool) -> Iterator[Fact]:
        span = self._words.spans[word_of(found["span"])]
        least = 0 if every and span == "hour" else LARGEST_COUNT if span == "minute" and not every else 1
        for written in filter(None, (found["least"], found["count"])):
            count = int(written) if written.isdecimal() else self._words.numbers[word_of(written)]
            if count > least:
                large = {str(count)} if count > LARGEST_COUNT else set()
                yield Fact(found[0].strip(), frozenset({span_of(count, span), *large}))

    def _parts_of_hours(self, *, every: bool) -> Iterator[Fact]:
        for found in parts_of_hours_for(self._language).finditer(self._text):
            minutes = self._words.minutes[word_of(found[0])]
            if every:
                yield Fact(found[0], frozenset({span_of(minutes, "minute")}))
            elif minutes < 60:
                yield Fact(found[0], frozenset({span_of(minutes, "minute"), str(minutes)}))

    def _hour(self, found: re.Match[str]) -> Iterator[Fact]:
        hour = self._words.numbers[word_of(found["count"])]
        yield Fact(found[0].strip(), self._clock(str(hour), None, self._half(found["half"])))

    def _worded_times(self, *, every: bool) -> Iterator[Fact]:
        """Return the times in words, and take them out of the text: no part of them is anything else."""
        for each in worded_times(self._text, self._language):
            start, end = each.found.span()
            if (each.certain or every) and self._text[start:end] == each.found[0]:
                half = self._half(each.half)
                hours = {each.hour} if half or each.hour > 12 else {each.hour, each.hour + 12}
                yield Fact(
                    each.found[0].strip(),
                    frozenset().union(*(self._clock(f"{hour:02}", each.minute, half) for hour in hours)),
                )
            if each.certain:
                self._text = f"{self._text[:start]}{' ' * (end - start)}{self._text[end:]}"

    # --- days and times ---

    def _moment(self, found: re.Match[str]) -> list[frozenset[str]]:
        if found["hour"] or found["hour_h"] or found["hour_w"] or found["hour_at"]:
            return self._clocks(found)
        if found["ymd"]:
            year, month, day = (int(each) for each in re.findall(r"\d+", found["ymd"]))
            return [date_forms((year, month, day))]
        if found["date"]:
            first, second, last = (int(each) for each in re.findall(r"\d+", found["date"]))
            year = last if last > 99 else 2000 + last
            return [date_forms((year, second, first), (year, first, second))]
        if found["short_date"]:
            first, second = (int(each) for each in re.findall(r"\d+", found["short_date"]))
            number = found["short_date"].rstrip(".").replace(" ", "").replace("/", ".")
            as_number = readings(number) | self._bare_hour(number, *found.span())
            return [date_forms((None, second, first), (None, first, second)) | as_number]
        return self._named(found)

    def _named(self, found: re.Match[str]) -> list[frozenset[str]]:
        if found["cjk_month"]:
            year = int(found["cjk_year"]) if found["cjk_year"] else None
            return [date_forms((year, int(found["cjk_month"]), int(found["cjk_day"])))]
        name = found["month"] or found["month_first"] or found["month_only"]
        month = self._words.months[word_of(name)]
        if found["month_only"]:
            return [frozenset({f"{found['month_year']}-{month:02}"})]
        written = found["year"] or found["year_first"] or found["year_last"]
        days = (found["first_day"], found["day"], found["first_day_second"], found["day_second"])
        return [date_forms((int(written) if written else None, month, int(day))) for day in days if day]

    def _clocks(self, found: re.Match[str]) -> list[frozenset[str]]:
        half_word = next(filter(None, map(found.group, _HALVES)), None)
        half = self._half(half_word)
        hour = found["hour"] or found["hour_h"] or found["hour_w"] or found["hour_at"]
        minute = found["minute"] or found["minute_h"] or found["minute_w"] or found["minute_o"] or found["minute_at"]
        forms = self._clock(hour, "30" if found["half_past"] else minute, half)
        if not minute and not half and (found["hour_h"] or found["o_clock"]) and int(hour) > 1:
            forms |= {f"{int(hour)} h", *({str(int(hour))} if int(hour) > LARGEST_COUNT else ())}
        if half_word and not minute and (span := self._words.spans.get(word_of(half_word))):  # дня: PM, and days
            forms |= {span_of(int(hour), span)}
        since = found["since"] and self._clock(found["since"], found["since_minute"], self._half(found["since_half"]))
        if found["until"] and int(found["until"]) > 24:  # "alle 10 e 30"
            return [self._clock(hour, found["until"], half)]
        until = found["until"] and self._clock(found["until"], found["until_minute"], half)
        return [each for each in (since, forms, until) if each]

    def _clock(self, hour: str, minute: str | None, half: str | None) -> frozenset[str]:
        at, minutes = int(hour), int(minute or 0)
        if at > 24 or minutes > 59:
            return readings(f"{at}.{minutes:02}")
        if half and at <= 12:
            return frozenset({f"{at % 12 + (12 if half == 'pm' else 0):02}:{minutes:02}"})
        either = 0 < at <= 12 and hour[0] != "0" and (not minute or self._language in {None, "en"})
        return frozenset(f"{each % 24:02}:{minutes:02}" for each in ((at, at + 12) if either else (at,)))

    def _half(self, written: str | None) -> str | None:
        if not written:
            return None
        word = word_of(written)
        return self._words.halves.get(word) or ("am" if word[0] == "a" else "pm")

    # --- weekdays and "tomorrow" ---

    def _weekdays(self, dates: dict[int, Fact]) -> Iterator[Fact]:
        words = {**self._words.short_weekdays, **self._words.weekdays}
        for found in weekdays_for(self._language).finditer(self._text):
            if found["first"]:
                first, last = words[word_of(found["first"])], words[word_of(found["last"])]
                days = [(first + each) % 7 for each in range((last - first) % 7 + 1)]
                yield from (Fact(found[0], frozenset({f"weekday {day}"})) for day in days)
                continue
            form = f"weekday {words[word_of(found['day'])]}"
            beside = next((fact for at, fact in dates.items() if 0 <= at - found.end() <= 6), None)
            of_date = {weekday(date.fromisoformat(each)) for each in beside.forms if is_date(each)} if beside else set()
            if beside is None or not of_date:
                yield Fact(found[0], frozenset({form}))
            elif form not in of_date:
                yield Fact(f"{found[0]} {beside.shown}", frozenset())

    def relative(self) -> Iterator[Fact]:
        """Return the days named by their distance from today, where that is known."""
        if self._today is None:
            return
        for found in relative_for(self._language).finditer(self._text):
            distance = self._words.relative[word_of(found[0])]
            if distance and not _PART_OF_DAY.search(self._text, max(found.start() - 12, 0), found.start()):
                yield Fact(found[0], frozenset({(self._today + timedelta(distance)).isoformat()}))


def _is_small(found: re.Match[str], forms: frozenset[str]) -> bool:
    is_time = "." in found["number"] and any(":" in form for form in forms)
    stated = is_time or found["before"] or _SHARE_OR_MONEY.search(found["after"] or "")
    return not stated and all(":" in form or Decimal(form) <= LARGEST_COUNT for form in forms)


def _is_id(written: str) -> bool:
    """Whether it is an id rather than MP3, 4K or USB-C."""
    return len(re.sub(r"\D", "", written)) > 2 or re.search(r"[A-Za-z]+[-_]\d\d", written) is not None
