"""When something recurs: cron expressions on the clocks of a zone, intervals, and their bounds."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.recurrence import ALIASES, Cron, Interval, Recurrence, read_cron, read_zone

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def ms(text: str, zone: ZoneInfo = BERLIN) -> int:
    """A moment on the clocks of a zone; `+` behind it means the second of two times that look alike."""
    moment = datetime.fromisoformat(text.rstrip("+")).replace(tzinfo=zone, fold=int(text.endswith("+")))
    return round(moment.timestamp() * 1000)


def shown(at_ms: int | None, zone: ZoneInfo = BERLIN) -> str:
    assert at_ms is not None
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).strftime("%m-%d %H:%M %Z")


def following(expression: str, after: str, count: int, zone: ZoneInfo = BERLIN) -> list[str]:
    cron, at_ms, found = Cron(expression, zone), ms(after, zone), []
    for _ in range(count):
        at_ms = cron.after(at_ms) or 0
        found.append(shown(at_ms, zone))
    return found


# Cron expressions


def test_a_moment_is_on_the_clocks_of_the_zone() -> None:
    assert following("0 9 * * MON-FRI", "2026-11-20 12:00", 2) == ["11-23 09:00 CET", "11-24 09:00 CET"]
    assert following("0 9 * * *", "2026-11-20 12:00", 1, ZoneInfo("America/New_York")) == ["11-21 09:00 EST"]


def test_a_moment_does_not_follow_itself() -> None:
    cron = Cron("0 9 * * *", BERLIN)
    nine = ms("2026-11-20 09:00")
    assert cron.after(nine - 1) == nine
    assert cron.after(nine) == nine + DAY_MS
    assert cron.after(nine + 1) == nine + DAY_MS


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_an_alias_is_the_expression_that_it_stands_for(alias: str) -> None:
    now = ms("2026-11-20 12:34")
    assert read_cron(alias.upper(), BERLIN).after(now) == Cron(ALIASES[alias], BERLIN).after(now)


def test_a_fixed_time_that_clocks_leap_over_in_spring_falls_due_at_the_leap() -> None:
    assert following("30 2 * * *", "2027-03-27 12:00", 2) == ["03-28 03:00 CEST", "03-29 02:30 CEST"]


def test_two_fixed_times_that_clocks_leap_over_fall_due_together_once() -> None:
    assert following("0,30 2 * * *", "2027-03-27 12:00", 2) == ["03-28 03:00 CEST", "03-29 02:00 CEST"]


def test_a_fixed_time_that_clocks_show_twice_in_autumn_falls_due_at_the_first() -> None:
    assert following("30 2 * * *", "2026-10-24 12:00", 2) == ["10-25 02:30 CEST", "10-26 02:30 CET"]


def test_a_fixed_time_that_has_passed_does_not_come_again_in_the_repeated_hour() -> None:
    assert following("30 2 * * *", "2026-10-25 02:10+", 1) == ["10-26 02:30 CET"]


def test_with_a_star_time_passes_as_it_does() -> None:
    spring = following("*/30 * * * *", "2027-03-28 01:00", 3)
    assert spring == ["03-28 01:30 CET", "03-28 03:00 CEST", "03-28 03:30 CEST"]
    autumn = following("0 * * * *", "2026-10-25 01:00", 3)
    assert autumn == ["10-25 02:00 CEST", "10-25 02:00 CET", "10-25 03:00 CET"]


def test_with_a_star_for_the_minute_an_hour_that_is_leapt_over_is_left_out() -> None:
    assert following("*/30 2 * * *", "2027-03-27 12:00", 1) == ["03-29 02:00 CEST"]


def test_a_leap_at_midnight_holds_up_no_daily_job() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    found = following("0 0 * * *", "2026-03-27 12:00", 3, beirut)
    assert found == ["03-28 00:00 EET", "03-29 01:00 EEST", "03-30 00:00 EEST"]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "has 0 fields"),
        ("0 9 * *", "has 4 fields; five are needed"),
        ("0 0 9 * * *", "has 6 fields; five are needed: minute, hour, day of the month, month, day of the week; for "),
        ("@dayly", "is none of @yearly"),
        ("60 * * * *", "its minute cannot be read"),
        ("* 24 * * *", "its hour cannot be read"),
        ("* * 0 * *", "its day of month cannot be read"),
        ("* * * 13 *", "its month cannot be read"),
        ("* * * * 8", "its day of week cannot be read"),
        ("*/0 * * * *", "its minute cannot be read"),
        ("a * * * *", "its minute cannot be read"),
        ("0 0 30 2 *", "its day of month cannot be read"),
        ("* * */20 * 1L", "fits no date"),
        ("1," * 200, "at most 256 characters"),
        (5, "must be a text"),
    ],
)
def test_an_expression_that_is_none_is_refused_with_the_reason(expression: str, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^cron: ") as caught:
        read_cron(expression, BERLIN)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "Europe", "", "../etc/passwd", "/etc/localtime", "a\0b", "x" * 300, 5]
)
def test_a_zone_that_is_not_known_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^timezone: .* is not known; give a name"):
        read_zone(name)


# Intervals


def test_an_interval_counts_from_its_anchor_and_keeps_its_phase() -> None:
    interval = Interval(900_000, 1_000)
    assert [interval.after(at) for at in (1_000, 1_001, 900_999, 901_000)] == [901_000, 901_000, 901_000, 1_801_000]


def test_before_its_anchor_an_interval_begins_with_it() -> None:
    assert Interval(900_000, 5_000_000).after(1_000) == 5_000_000


# Bounds


def test_both_bounds_belong_to_a_recurrence() -> None:
    starts, ends = ms("2026-11-20 09:00"), ms("2026-11-21 09:00")
    daily = Recurrence(Cron("0 9 * * *", BERLIN), starts, ends)
    assert [daily.after(at) for at in (starts - 5 * DAY_MS, starts, ends)] == [starts, ends, None]


def test_after_its_end_an_interval_recurs_no_more() -> None:
    assert Recurrence(Interval(1000, 0), ends_ms=5000).after(5000) is None
    assert Recurrence(Interval(1000, 0), ends_ms=5000).after(4999) == 5000


# Looking back


def test_the_latest_of_years_of_minutes_is_found_at_once() -> None:
    minutely = Recurrence(Cron("* * * * *", BERLIN))
    first, now = ms("2016-01-01 00:00"), ms("2026-11-20 09:00") + 59_999
    assert minutely.latest(first, now) == ms("2026-11-20 09:00")


def test_moments_are_counted_up_to_a_limit() -> None:
    hourly = Recurrence(Interval(HOUR_MS, 0))
    assert hourly.count(0, 5 * HOUR_MS, most=100) == 5
    assert hourly.count(0, 0, most=100) == 0
    assert hourly.count(0, 1000 * HOUR_MS, most=100) == 100


@pytest.mark.parametrize("seed", range(12))
def test_what_bisection_finds_is_what_walking_finds(seed: int) -> None:
    chance = random.Random(seed)
    minute, hour = chance.choice(["*/17", "5", "0,45", "*"]), chance.choice(["*", "2", "1-3", "*/6"])
    day, weekday = chance.choice(["*", "25", "L"]), chance.choice(["*", "SUN", "MON-FRI", "SUN#1"])
    recurrence = Recurrence(Cron(f"{minute} {hour} {day} * {weekday}", chance.choice([BERLIN, ZoneInfo("UTC")])))
    until = ms("2026-10-25 00:00") + chance.randrange(2 * DAY_MS)
    first = recurrence.after(until - timedelta(days=40) // timedelta(milliseconds=1))
    assert first is not None
    walked = [first]
    while (following := recurrence.after(walked[-1]) or until + 1) <= until:
        assert following > walked[-1]
        walked.append(following)
    assert recurrence.latest(first, until) == walked[-1]
