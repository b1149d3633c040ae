"""Times as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backdesk.cli.options.moments import read_moment, read_span, read_span_or_moment, rough_span, shown_span
from backdesk.worker.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("10s", 10), ("1.5m", 90), ("2h", 7200), ("1d", 86_400), (" 5 m ", 300)]
)
def test_a_length_of_time_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert read_span("delay", text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "-5", "5 weeks", "1e9", "9" * 400])
def test_what_is_no_length_of_time_is_refused_by_the_name_of_its_option(text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read_span("delay", text)

    assert refusal.value.field == "delay"


def test_a_moment_is_iso_8601() -> None:
    assert read_moment("at", "2030-01-31T09:00:00Z") == datetime(2030, 1, 31, 9, tzinfo=UTC)
    with pytest.raises(InvalidRequest, match="at: 'tomorrow' is no moment"):
        read_moment("at", "tomorrow")


def test_an_end_is_either() -> None:
    assert read_span_or_moment("expires", "10m") == timedelta(minutes=10)
    assert read_span_or_moment("expires", "2030-01-31T09:00:00Z") == datetime(2030, 1, 31, 9, tzinfo=UTC)
    with pytest.raises(InvalidRequest, match="neither"):
        read_span_or_moment("expires", "never")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0312, "0.03 s"),
        (42.4, "42 s"),
        (125, "2 min 5 s"),
        (120, "2 min"),
        (12_000, "3 h 20 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_span_is_shown_in_the_units_that_matter(seconds: float, text: str) -> None:
    assert shown_span(seconds) == text


def test_an_age_is_rough() -> None:
    assert [rough_span(seconds) for seconds in (4.9, 125, 12_000, 200_000)] == ["5 s", "2 min", "3 h", "2 d"]
