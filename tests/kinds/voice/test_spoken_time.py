"""What callers mean by a time, and how one is said to them. Now is Tuesday, March 24, 2026, 10:20 in Paris."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from backdesk.kinds.voice.spoken_time import Unclear, has_time, resolve, resolve_day, tell

NOW = datetime(2026, 3, 24, 9, 20, tzinfo=UTC)
PARIS, LOS_ANGELES, LAGOS = ZoneInfo("Europe/Paris"), ZoneInfo("America/Los_Angeles"), ZoneInfo("Africa/Lagos")


def meant(words: str, zone: ZoneInfo = PARIS, now: datetime = NOW) -> str:
    found = resolve(words, now, zone)
    return found.question if isinstance(found, Unclear) else f"{found:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("words", "utc"),
    [
        ("tomorrow at 3 pm", "2026-03-25 14:00"),
        ("Tomorrow, at 3 p.m., please.", "2026-03-25 14:00"),
        ("tomorrow at three", "2026-03-25 14:00"),
        ("half past three tomorrow", "2026-03-25 14:30"),
        ("quarter to nine tomorrow", "2026-03-25 07:45"),
        ("three in the afternoon on Friday", "2026-03-27 14:00"),
        ("tomorrow morning at 9", "2026-03-25 08:00"),
        ("at nine o'clock tomorrow", "2026-03-25 08:00"),
        ("next Tuesday at 10:30", "2026-03-31 08:30"),  # in summer time
        ("this Friday at noon", "2026-03-27 11:00"),
        ("the 3rd of April at 2 pm", "2026-04-03 12:00"),
        ("the day after tomorrow at 15:00", "2026-03-26 14:00"),
        ("in 3 days at 4pm", "2026-03-27 15:00"),
        ("in a week at 9 am", "2026-03-31 07:00"),
        ("in 90 minutes", "2026-03-24 10:50"),
        ("5 pm", "2026-03-24 16:00"),
        ("9 am", "2026-03-25 08:00"),  # it is past nine
        ("2026-04-01T15:00", "2026-04-01 13:00"),
        ("2026-04-01T15:00:00Z", "2026-04-01 15:00"),
        ("2026-04-01 15:00-07:00", "2026-04-01 22:00"),
        ("Wednesday, March 25, at 3:30 PM", "2026-03-25 14:30"),
        ("next Thursday at 3 PM", "2026-03-26 14:00"),
        ("Thursday next week at 3 PM", "2026-04-02 13:00"),
        ("next week Thursday at 3 PM", "2026-04-02 13:00"),
        ("next week on Thursday, 3 PM", "2026-04-02 13:00"),
        ("on Thursday of next week at 3 PM", "2026-04-02 13:00"),
        ("the Thursday of next week at 3 PM", "2026-04-02 13:00"),
        ("Monday next week at 3 PM", "2026-03-30 13:00"),
        ("Sunday next week at 3 PM", "2026-04-05 13:00"),
        ("a week on Thursday at 3 PM", "2026-04-02 13:00"),
        ("a week from Monday at 3 PM", "2026-04-06 13:00"),
        ("Thursday week at 3 PM", "2026-04-02 13:00"),
        ("this coming Thursday at 3 PM", "2026-03-26 14:00"),
        ("Thursday the 26th at 3 PM", "2026-03-26 14:00"),
        ("Thursday the 9th at 3 PM", "2026-04-09 13:00"),
    ],
)
def test_a_time_is_understood_by_the_clocks_of_the_caller(words: str, utc: str) -> None:
    assert meant(words) == utc


@pytest.mark.parametrize(
    ("words", "question"),
    [
        ("next Tuesday", "At what time of day"),
        ("tomorrow afternoon", "At what time of day"),
        ("tomorrow at 3 pm or 4 pm", "one time of day"),
        ("tomorrow at 25:00", "no such time"),
        ("next week at 9 am", "Which day"),
        ("the 5th at 9 am", "Which day"),
        ("Christmas at 9 am", "Which day"),
        ("31 February at 9 am", "Which day"),
        ("tomorrow at 3 pm Berlin time", "Which day"),
        ("tomorrow at 3 pm PST", "your own clock"),
        ("03/04/2026 at 9 am", "month by its name"),
        ("Friday April 1 at 9 am", "April 1 is a Wednesday"),
        ("Thursday the 10th at 9 am", "April 10 is a Friday"),
        ("Thursday the 32nd at 9 am", "Which day"),
        ("a week on Tuesday at 9 am", "Which day"),  # it is Tuesday
        ("a week from next Thursday at 9 am", "Which day"),
        ("Thursday or Friday next week at 9 am", "Which day"),
        ("Thursday next month at 9 am", "Which day"),
        ("yesterday at 9 am", "in the past"),
        ("today at 9 am", "in the past"),
        ("2026-03-24T08:00Z", "in the past"),
        ("hello", "At what time of day"),
    ],
)
def test_what_is_not_certain_is_asked_back(words: str, question: str) -> None:
    assert question in meant(words)


def test_a_time_that_the_clocks_leave_out_is_asked_back() -> None:
    assert "there is no 2:30 AM on Sunday, March 29" in meant("March 29 at 2:30 am")


@pytest.mark.parametrize("words", ["October 25 at 2:30 am", "2026-10-25T02:30"])
def test_a_time_that_comes_twice_is_asked_back(words: str) -> None:
    assert "comes twice" in meant(words)


@pytest.mark.parametrize(("which", "utc"), [("earlier", "2026-10-25 00:30"), ("later", "2026-10-25 01:30")])
def test_a_caller_may_say_which_of_two_they_mean(which: str, utc: str) -> None:
    assert meant(f"October 25 at 2:30 am, the {which} one") == utc


def test_hours_from_now_are_counted_as_they_pass_when_the_clocks_change() -> None:
    just_before = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # 1:30 in Paris; at 2 the clocks go to 3
    assert meant("in two hours", now=just_before) == "2026-03-29 02:30"


def test_tomorrow_is_the_caller_s_tomorrow() -> None:
    late = datetime(2026, 3, 24, 23, 30, tzinfo=UTC)  # already the 25th in Paris and Lagos, still the 24th overseas
    days = [meant("tomorrow at noon", zone, late)[:10] for zone in (PARIS, LAGOS, LOS_ANGELES)]
    assert days == ["2026-03-26", "2026-03-26", "2026-03-25"]


@pytest.mark.parametrize("zone", [PARIS, LOS_ANGELES, LAGOS])
@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_what_is_said_of_a_moment_means_that_moment(zone: ZoneInfo, hour: int) -> None:
    moment = datetime(2026, 4, 14, hour, 30, tzinfo=UTC)
    assert resolve(tell(moment, zone), NOW, zone) == moment


def test_a_day_may_be_meant_without_a_time() -> None:
    assert resolve_day("next Tuesday afternoon", NOW, PARIS) == date(2026, 3, 31)
    assert resolve_day("next week", NOW, PARIS) == resolve_day("some time next week", NOW, PARIS) == date(2026, 3, 30)
    assert resolve_day("Tuesday next week", NOW, PARIS) == date(2026, 3, 31)
    assert isinstance(resolve_day("yesterday", NOW, PARIS), Unclear)
    assert [has_time(words) for words in ("next Tuesday", "tomorrow at 9", "2026-03-25", "2026-03-25T09:00")] == [
        False,
        True,
        False,
        True,
    ]
