"""When it is open, and what a time that is counted in opening hours comes to."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backdesk.platform.business_hours import BusinessHours, tell_moment

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = BusinessHours.read("Mon-Fri 09:00-18:00 Europe/Berlin")
#: With a lunch break, a Saturday, and Christmas, of which the first day is a Friday.
SHOP = BusinessHours.read("Mon-Fri 09:00-12:00 13:00-18:00, Sat 10:00-14:00, closed 2026-12-25, Europe/Berlin")
#: Open in the nights in which the clocks change; in 2026 on 29 March and on 25 October.
NIGHTS = BusinessHours.read("Mon-Sun 01:00-05:00 Europe/Berlin")


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def shown(moment: datetime) -> str:
    assert moment.tzinfo is UTC
    return f"{moment.astimezone(BERLIN):%a %m-%d %H:%M}"


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-12-21 09:00", True),
        ("2026-12-21 08:59", False),
        ("2026-12-21 11:59", True),
        ("2026-12-21 12:30", False),
        ("2026-12-21 18:00", False),
        ("2026-12-26 10:30", True),
        ("2026-12-27 10:30", False),
        ("2026-12-25 10:30", False),
    ],
)
def test_it_is_open_from_the_first_moment_of_an_opening_to_before_its_last(moment: str, is_open: bool) -> None:
    assert SHOP.open_at(berlin(moment)) is is_open


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        ("2026-12-21 10:30", "Mon 12-21 10:30"),
        ("2026-12-21 12:30", "Mon 12-21 13:00"),
        ("2026-12-24 18:00", "Sat 12-26 10:00"),
        ("2026-12-26 15:00", "Mon 12-28 09:00"),
    ],
)
def test_the_next_opening_is_now_or_after_the_break_the_weekend_and_the_holiday(moment: str, opening: str) -> None:
    assert shown(SHOP.next_opening(berlin(moment))) == opening


@pytest.mark.parametrize(
    ("moment", "hours", "promised"),
    [
        ("2026-12-21 10:00", 1, "Mon 12-21 11:00"),
        ("2026-12-21 10:00", 4, "Mon 12-21 15:00"),
        ("2026-12-21 10:00", 7, "Mon 12-21 18:00"),
        ("2026-12-21 17:00", 2, "Tue 12-22 10:00"),
        ("2026-12-24 17:30", 1, "Sat 12-26 10:30"),
        ("2026-12-26 13:00", 24, "Wed 12-30 17:00"),
        ("2026-12-27 03:00", 0, "Mon 12-28 09:00"),
        ("2026-12-21 10:00", 0.25, "Mon 12-21 10:15"),
    ],
)
def test_a_promise_counts_opening_hours_alone(moment: str, hours: float, promised: str) -> None:
    assert shown(SHOP.add(berlin(moment), hours)) == promised


def test_a_promise_over_a_weekend_in_which_the_clocks_change_is_kept_by_the_clocks() -> None:
    spring, autumn = berlin("2026-03-27 17:00"), berlin("2026-10-23 17:00")
    assert [shown(OFFICE.add(moment, 2)) for moment in (spring, autumn)] == ["Mon 03-30 10:00", "Mon 10-26 10:00"]
    assert OFFICE.add(spring, 2) - spring == timedelta(hours=64)
    assert OFFICE.add(autumn, 2) - autumn == timedelta(hours=66)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 4), ("2026-03-29", 3), ("2026-10-25", 5)])
def test_an_opening_is_as_long_as_the_time_that_passes_in_it(day: str, hours: int) -> None:
    opens = NIGHTS.next_opening(berlin(f"{day} 00:00"))
    assert shown(NIGHTS.add(opens, hours)).endswith("05:00")
    assert not NIGHTS.open_at(opens + timedelta(hours=hours))


def test_openings_on_both_sides_of_a_leap_of_the_clocks_count_no_hour_twice() -> None:
    around = BusinessHours.read("Sun 01:00-02:30 03:00-05:00 Europe/Berlin")
    assert shown(around.add(berlin("2026-03-29 00:00"), 3)) == "Sun 03-29 05:00"


def test_hours_that_count_through_midnight_go_on() -> None:
    always = BusinessHours.read("Mon-Sun 00:00-24:00 UTC")
    now = datetime(2026, 1, 1, 17, 30, tzinfo=UTC)
    assert always.open_at(now.replace(hour=23, minute=59))
    assert always.add(now, 48) == now + timedelta(hours=48)


def test_counting_in_two_steps_is_counting_at_once() -> None:
    chance = random.Random(7)
    for _ in range(300):
        moment = berlin("2026-01-01") + timedelta(minutes=chance.randrange(500_000))
        first, second = (chance.randrange(1, 2_000) / 60 for _ in range(2))
        assert abs(SHOP.add(SHOP.add(moment, first), second) - SHOP.add(moment, first + second)) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("zone", "on", "told"),
    [
        ("Europe/Berlin", "2026-03-16", "Mon-Fri 09:00-18:00"),
        ("America/New_York", "2026-02-16", "Mon-Fri 03:00-12:00"),
        # There the clocks change three weeks before those in Berlin.
        ("America/New_York", "2026-03-16", "Mon-Fri 04:00-13:00"),
        ("Pacific/Auckland", "2026-01-05", "Mon-Fri 21:00-06:00"),
        ("Pacific/Kiritimati", "2026-01-05", "Mon-Fri 22:00-07:00"),
    ],
)
def test_the_hours_are_told_by_the_clocks_of_whoever_asks(zone: str, on: str, told: str) -> None:
    assert OFFICE.describe(zone, berlin(on)) == f"{told} ({zone})"


def test_hours_that_begin_on_the_day_before_elsewhere_are_told_for_that_day() -> None:
    early = BusinessHours.read("Mon-Fri 06:00-07:00, Sat 10:00-11:00, Europe/Berlin")
    assert early.describe("America/Los_Angeles", berlin("2026-01-05")) == (
        "Mon-Thu 21:00-22:00, Sat 01:00-02:00, Sun 21:00-22:00 (America/Los_Angeles)"
    )


def test_a_moment_is_told_with_its_day_and_zone() -> None:
    told = tell_moment(datetime(2026, 3, 30, 8, 5, tzinfo=UTC), "Europe/Berlin")
    assert told == "Monday 30 March 2026, 10:05 (Europe/Berlin)"


def test_json_says_the_same_as_the_text() -> None:
    text = '{"hours": {"Mon-Fri": ["09:00-12:00", "13:00-18:00"], "sat": "10:00-14:00"}, "holidays": ["2026-12-25"]}'
    assert BusinessHours.read(text) == SHOP


@pytest.mark.parametrize(
    "text",
    [
        "Mon-Fri 09:00-18:00 Europe/Berlin",
        "Mon-Tue 09:00-12:00 13:00-24:00, Thu 10:00-11:00, Sat-Sun 08:00-09:00, closed 2026-01-01 2026-12-25 UTC",
    ],
)
def test_hours_are_written_as_they_are_read(text: str) -> None:
    assert str(BusinessHours.read(text)) == text


def test_days_over_the_end_of_the_week_and_those_that_are_listed_have_the_hours_that_follow() -> None:
    hours = BusinessHours.read("Sat-Mon, Wed 09:00-18:00 UTC")
    assert str(hours) == "Mon 09:00-18:00, Wed 09:00-18:00, Sat-Sun 09:00-18:00 UTC"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Mon-Fri 09:00-18:00", "write it as"),
        ("Mon-Fri Europe/Berlin", "write it as"),
        ("Mon 9 to 5 Europe/Berlin", "write it as"),
        ("closed 2026-12-25 UTC", "no day has hours"),
        ("Mon 10:00-09:00 UTC", "closes before it opens"),
        ("Mon 09:00-25:00 UTC", "hour value is outside"),
        ("Mon 09:00-12:00 11:00-13:00 UTC", "overlap"),
        ("Mon 20:00-24:00 23:00-23:30 UTC", "overlap"),
        ("Mon 09:00-18:00 closed 2026-13-01 UTC", "month value is outside"),
        ("Mon 09:00-18:00 Mars/Base", "IANA name"),
        ('{"hours": {"Someday": "09:00-18:00"}}', "no day of the week"),
        ('{"hours": {"Mon": "9 to 5"}}', "09:00-18:00"),
        ('{"hours": {"Mon": 9}}', "Mon|mon"),
        ('{"hours": "Mon"}', "dictionary"),
        ('{"time_zone": "UTC"', "JSON"),
        ('{"time_zone": "UTC", "hours": {"Mon": "09:00-18:00"}, "holiday": []}', "holiday"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        BusinessHours.read(text)


def test_a_moment_without_a_zone_and_a_time_that_is_past_are_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        OFFICE.open_at(datetime(2026, 1, 5, 10))  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="less than 0"):
        OFFICE.add(berlin("2026-01-05"), -1)
