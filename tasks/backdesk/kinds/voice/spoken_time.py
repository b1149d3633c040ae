"""What people mean by "tomorrow at three", and how a moment is said to them. Pure, but for a library that knows dates.

The time of day is read here, the day by `dateparser`: that passes over words which it does not know, so that it would
take "tomorrow at three" for tomorrow at this time. What is not certain is asked back instead of guessed. English.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

#: An hour without the half of the day is meant as people do business: from this one on it is in the morning.
FIRST_HOUR = 7

_HOURS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_HOUR = rf"\d{{1,2}}|{'|'.join(_HOURS)}"
_HALF = r"[ap]\.?m\b\.?"
_CLOCK = re.compile(
    rf"\b(?:at\s+)?(?:(?P<noon>noon|midday)\b"
    rf"|(?P<part>half past|quarter past|quarter to)\s+(?P<whole>{_HOUR})\b(?:\s*(?P<half1>{_HALF}))?"
    rf"|(?P<hour>\d{{1,2}})[:.](?P<minute>\d\d)\b(?!\.\d)(?:\s*(?P<half2>{_HALF}))?"
    rf"|(?P<bare>{_HOUR})\s*(?P<half3>{_HALF})"
    rf"|(?P<oclock>{_HOUR})\s+o'?clock\b"
    rf"|(?<=at )(?P<at>{_HOUR})\b|(?P<then>{_HOUR})(?=\s+in the (?:morning|afternoon|evening)))"
)
_PART_OF_DAY = re.compile(r"\b(?:in the |this )?(morning|afternoon|evening|tonight)\b")
_WHICH_OF_TWO = re.compile(r"\b(?:the )?(earlier|later)(?: one)?\b")
_SOON = re.compile(r"\b(?:hours?|minutes?)\b")
_FILLER = re.compile(r"\b(?:at|around|about|on|please|my time)\b|[,?!]|\.(?!\d)")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY = "|".join(_WEEKDAYS)
#: Days that the library does not know, or takes for others; without the words of `_FILLER`.
_OF_NEXT_WEEK = re.compile(rf"(?:the )?(?P<day>{_WEEKDAY}) (?:of )?next week|next week (?P<then>{_WEEKDAY})")
_A_WEEK_ON = re.compile(rf"(?:a|one) week (?:from )?(?P<day>{_WEEKDAY})|(?P<then>{_WEEKDAY}) week")
_WITH_ITS_NUMBER = re.compile(rf"(?P<day>{_WEEKDAY}) (?:the )?(?P<number>\d{{1,2}})(?:st|nd|rd|th)")
_COMING = re.compile(rf"\b(?:this |the )?coming (?={_WEEKDAY})")
_NEXT_WEEK = re.compile(r"(?:(?:some ?time|any ?(?:day|time)) )?next week")
_WHEN = "Which day and what time do you mean? Say it like next Tuesday at 3 PM."

#: How languages say a moment, as patterns of CLDR. Minutes are always said, as "9 Uhr" may be in the evening.
_SAID = {
    "de": "EEEE, 'den' d. MMMM, 'um' H.mm 'Uhr'",
    "fr": "EEEE d MMMM 'à' H'h'mm",
    "es": "EEEE d 'de' MMMM 'a las' H.mm",
    "it": "EEEE d MMMM 'alle' H.mm",
    "pt": "EEEE, d 'de' MMMM, 'às' H'h'mm",
    "nl": "EEEE d MMMM 'om' H.mm 'uur'",
    "pl": "EEEE, d MMMM, 'o godzinie' H.mm",
    "tr": "d MMMM EEEE 'saat' H.mm",
    "ru": "EEEE, d MMMM, 'в' H.mm",
    "ja": "M月d日EEEE'の'ah時mm分",
    "zh": "M月d日EEEEah点mm分",
}
_NO_MINUTES = "00分"

# It keeps caches of its own, and nowhere promises that threads may share them.
_parsing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Unclear:
    """What was said names no moment; the question is what to ask the caller."""

    question: str


def resolve(words: str, now: datetime, zone: ZoneInfo) -> datetime | Unclear:
    """Return the moment that words mean by the clocks of a zone, in UTC: always one after `now`.

    An ISO date and time is taken as it is. A time that a change of clocks leaves out, or has happen twice, is asked
    back, as is what names no time of day; "earlier" and "later" say which of two.
    """
    found = _iso(words, zone) or _spoken(_plain(words), now, zone)
    if isinstance(found, datetime) and found <= now:
        return Unclear(f"{_begin(tell(found, zone))} is in the past. Which later time suits you?")
    return found


def resolve_day(words: str, now: datetime, zone: ZoneInfo) -> date | Unclear:
    """Return the day that words mean by the clocks of a zone: today or a later one. A time of day is passed over.

    A whole week is its Monday.
    """
    text = _PART_OF_DAY.sub(" ", _CLOCK.sub(" ", _plain(words)))
    today = now.astimezone(zone).date()
    day = _in_next_week(0, today) if _NEXT_WEEK.fullmatch(_bare(text)) else _day(text, today)
    return Unclear("That day is over. Which later day suits you?") if isinstance(day, date) and day < today else day


def has_time(words: str) -> bool:
    """Whether words name a time of day."""
    return _CLOCK.search(_plain(words)) is not None or _SOON.search(words) is not None or "T" in words[10:11]


def tell(moment: datetime, zone: ZoneInfo) -> str:
    """Say a moment by the clocks of a zone: `Wednesday, March 25, at 3:30 PM`."""
    there = moment.astimezone(zone)
    return f"{tell_day(there.date())}, at {_clock_in_words(there.time())}"


def say(moment: datetime, zone: str, language: str) -> str:
    """Say a moment by the clocks of a zone in any language: `Mittwoch, den 25. März, um 15.30 Uhr`."""
    if language == "en":
        return tell(moment, ZoneInfo(zone))
    # Costly: only answers without a model take it.
    from babel.dates import format_date, format_datetime, format_time  # noqa: PLC0415

    there = moment.astimezone(ZoneInfo(zone))
    if (pattern := _SAID.get(language)) is not None:
        return str(format_datetime(there, pattern, locale=language)).replace(_NO_MINUTES, "")
    return f"{format_date(there, 'full', locale=language)}, {format_time(there.time(), 'short', locale=language)}"


def tell_day(day: date) -> str:
    """Say a day: `Wednesday, March 25`."""
    return f"{day:%A}, {day:%B} {day.day}"


def _clock_in_words(clock: time) -> str:
    if clock == time(12):
        return "noon"
    minutes = f":{clock:%M}" if clock.minute else ""
    return f"{clock.hour % 12 or 12}{minutes} {'AM' if clock.hour < 12 else 'PM'}"


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]


def _plain(words: str) -> str:
    return " ".join(words.lower().replace("\u2019", "'").split())


def _iso(words: str, zone: ZoneInfo) -> datetime | Unclear | None:
    text = words.strip()
    try:
        moment = datetime.fromisoformat(text) if len(text) > len("2026-03-25") else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is not None:
        return moment and moment.astimezone(UTC)
    return _in_zone(moment, zone, None)


def _spoken(text: str, now: datetime, zone: ZoneInfo) -> datetime | Unclear:
    if _SOON.search(text):
        # In UTC, as two hours are two hours also when the clocks change.
        found = _parse(text, now.astimezone(UTC).replace(tzinfo=None))
        return found.date_obj.replace(tzinfo=UTC, second=0, microsecond=0) if found.date_obj else Unclear(_WHEN)
    which, text = _take(_WHICH_OF_TWO, text)
    clock = _time_of_day(text)
    if isinstance(clock, Unclear):
        return clock
    today = now.astimezone(zone).date()
    rest = _PART_OF_DAY.sub(" ", _CLOCK.sub(" ", text))
    if not _bare(rest):
        day: date | Unclear = today if _later_today(clock, now, zone) else today + timedelta(days=1)
    else:
        day = _day(rest, today)
    return day if isinstance(day, Unclear) else _in_zone(datetime.combine(day, clock), zone, which and which[1])


def _take(pattern: re.Pattern[str], text: str) -> tuple[re.Match[str] | None, str]:
    return pattern.search(text), pattern.sub(" ", text)


def _later_today(clock: time, now: datetime, zone: ZoneInfo) -> bool:
    return clock > now.astimezone(zone).time()


# --- the time of day ---


def _time_of_day(text: str) -> time | Unclear:
    clocks = list(_CLOCK.finditer(text))
    if len(clocks) != 1:
        return Unclear("Please name one time of day, like 3 PM." if clocks else "At what time of day, like 3 PM?")
    said = clocks[0]
    if said["noon"]:
        return time(12)
    hour = _number(said["whole"] or said["hour"] or said["bare"] or said["oclock"] or said["at"] or said["then"])
    minute = int(said["minute"] or {"half past": 30, "quarter past": 15, "quarter to": 45}.get(said["part"] or "", 0))
    half = (said["half1"] or said["half2"] or said["half3"] or "")[:1] or _half_by_words(text)
    # 03:00, 15:00 and 0:30 are written as clocks show the whole day.
    whole_day = not half and (hour == 0 or hour > 12 or (said["hour"] or "").startswith("0"))
    hour = hour - 1 if said["part"] == "quarter to" else hour
    if not whole_day:
        hour = _of_day(hour, half)
    if hour > 23 or minute > 59:
        return Unclear("There is no such time of day. At what time do you mean?")
    return time(hour, minute)


def _number(word: str) -> int:
    return int(word) if word.isdecimal() else _HOURS.index(word) + 1


def _half_by_words(text: str) -> str:
    part = _PART_OF_DAY.search(text)
    return "" if part is None else ("a" if part[1] == "morning" else "p")


def _of_day(hour: int, half: str) -> int:
    """Return the hour of the day for one on a dial; 24 for what is on none."""
    if hour > 12:
        return 24
    if not half:
        half = "a" if FIRST_HOUR <= hour < 12 else "p"
    return hour % 12 + (12 if half == "p" else 0)


# --- the day ---


def _bare(text: str) -> str:
    return " ".join(_FILLER.sub(" ", text).split())


def _day(text: str, today: date) -> date | Unclear:
    said = _COMING.sub("", _bare(text))
    if (known := _by_weekday(said, today)) is not None:
        return known
    if re.search(r"\b\d{1,2}[/-]\d{1,2}[/-]\d{2,4}\b", said):
        return Unclear("Please say the month by its name, like March 25.")
    found = _parse(said, datetime.combine(today, time()))
    day: datetime | None = found.date_obj
    # "The 5th" and "next month" have the period of a month: the day is the library's own guess.
    certain = found.period == "day" or (found.period == "week" and re.match(r"in | from now$", said))
    if day is None or not certain:
        return Unclear(_WHEN)
    if day.tzinfo is not None:
        return Unclear("Please say the time as your own clock shows it.")
    weekday = next((each for each in _WEEKDAYS if each in said), None)
    if weekday is not None and day.weekday() != _weekday(weekday):
        return _on_another(day)
    return day.date()


def _by_weekday(said: str, today: date) -> date | Unclear | None:
    """Return the day that is named by a weekday beside its week or its number."""
    if found := _OF_NEXT_WEEK.fullmatch(said):
        return _in_next_week(_weekday(found["day"] or found["then"]), today)
    if found := _A_WEEK_ON.fullmatch(said):
        ahead = (_weekday(found["day"] or found["then"]) - today.weekday()) % 7
        return today + timedelta(days=ahead + 7) if ahead else Unclear(_WHEN)  # from today, or from the next one
    if found := _WITH_ITS_NUMBER.fullmatch(said):
        day = next((each for each in _days_from(today) if each.day == int(found["number"])), None)
        if day is None:
            return Unclear(_WHEN)
        return day if day.weekday() == _weekday(found["day"]) else _on_another(day)
    return None


def _in_next_week(weekday: int, today: date) -> date:
    return today + timedelta(days=7 - today.weekday() + weekday)


def _days_from(today: date) -> Iterator[date]:
    """Yield the days in which each number of a month comes, the next one first."""
    return (today + timedelta(days=ahead) for ahead in range(62))


def _weekday(name: str) -> int:
    return _WEEKDAYS.index(name)


def _on_another(day: date) -> Unclear:
    return Unclear(f"{day:%B} {day.day} is a {day:%A}. Which day do you mean?")


def _parse(text: str, base: datetime) -> Any:
    with _parsing:
        settings = {"RELATIVE_BASE": base, "PREFER_DATES_FROM": "future", "RETURN_TIME_AS_PERIOD": True}
        return _parser()(languages=["en"], settings=settings).get_date_data(text)


@cache
def _parser() -> Any:
    # Half a tenth of a second to load, which nobody should pay for who never says a time.
    from dateparser.date import DateDataParser  # noqa: PLC0415

    return DateDataParser


# --- the zone ---


def _in_zone(local: datetime, zone: ZoneInfo, which: str | None) -> datetime | Unclear:
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    said = f"{_clock_in_words(local.time())} on {tell_day(local.date())}"
    if first > second:  # before a gap, `fold` is by the offset that comes after it
        return Unclear(f"The clocks go forward then, and there is no {said}. Which other time suits you?")
    if which is None:
        return Unclear(f"The clocks go back then, and {said} comes twice. Do you mean the earlier or the later one?")
    return first if which == "earlier" else second
