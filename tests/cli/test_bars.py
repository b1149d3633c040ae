"""The bars of long work: a rate and a remaining time once they are known, and a line each for what others do of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from backdesk.cli.output import Output
from backdesk.cli.views.bars import MOST_LINES
from backdesk.cli.views.following import MOST_CHILDREN, overseen
from backdesk.cli.views.pace import EventClock, Pace, rate_text, rest_text
from backdesk.cli.views.progress import LiveView
from backdesk.worker.model.events import JobEvent

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)


def told(at: float, event_type: str, *, job: str = "j", kind: str = "k", attempt: int = 1, **data: Any) -> JobEvent:
    """An event of so many seconds after noon."""
    moment = NOON + timedelta(seconds=at)
    return JobEvent(seq=1, job_id=job, kind=kind, tenant="t", attempt=attempt, at=moment, type=event_type, data=data)


def rows(upto: int, event_type: str = "progress", begins: float = 0, **of: Any) -> list[JobEvent]:
    """Half a second of a thousand rows each, of a hundred thousand."""
    return [
        told(begins + n / 2, event_type, rows=1_000 * n, total=100_000, message=f"{n} thousand", **of)
        for n in range(upto + 1)
    ]


def last_screen(events: Sequence[JobEvent], width: int = 100) -> str:
    """What a terminal shows after the last of these."""
    out = Output(as_json=False)
    out.console = Console(file=io.StringIO(), force_terminal=True, width=width, height=20, color_system=None)
    with LiveView(out) as view:
        for event in events:
            view.show(event)
        assert isinstance(out.console.file, io.StringIO)
        out.console.file.truncate(0)
        view.refresh()
        return out.console.file.getvalue()


def test_a_bar_has_a_rate_and_a_remaining_time() -> None:
    assert "20% 0:00:00 2,000 rows/s, 40 s left 20 thousand" in last_screen(rows(20))


def test_a_bar_has_neither_before_they_can_be_known() -> None:
    assert "1% 0:00:00 1 thousand" in last_screen(rows(1))


def test_a_bar_has_a_rate_before_it_has_a_remaining_time() -> None:
    assert "4% 0:00:00 2,000 rows/s 4 thousand" in last_screen(rows(4))


def test_a_narrow_terminal_cuts_the_message_and_not_the_time() -> None:
    screen = last_screen(rows(20), width=80)
    assert "2,000 rows/s, 40 s left" in screen
    assert all(len(line) <= 80 for line in screen.splitlines() if "rows/s" in line)


def test_the_next_attempt_begins_anew() -> None:
    again = [told(11, "retrying"), told(12, "started", attempt=2, worker="w")]
    assert "20% 0:00:00 20 thousand" in last_screen([*rows(20), *again])
    assert "23% 0:00:00 goes on" in last_screen(
        [*rows(20), *again, told(13, "progress", attempt=2, rows=23_000, total=100_000, message="goes on")]
    )


@pytest.mark.parametrize("event_type", ["retrying", "limited", "waiting", "queued"])
def test_a_job_that_waits_has_neither(event_type: str) -> None:
    assert "20% 0:00:00 20 thousand" in last_screen([*rows(20), told(10.1, event_type)])


def test_a_job_that_is_watched_late_is_judged_by_the_time_of_its_events() -> None:
    late = [event.model_copy(update={"at": event.at - timedelta(days=1)}) for event in rows(20)]
    assert "2,000 rows/s, 40 s left" in last_screen(late)


def test_progress_of_numbers_alone_fills_the_screen_with_no_lines() -> None:
    events = [told(n / 10, "progress", done=n, total=100) for n in range(50)]
    assert "49%" in last_screen(events)
    out = Output(as_json=False)
    out.console = Console(file=io.StringIO(), force_terminal=True, width=80, height=12, color_system=None)
    with LiveView(out) as view:
        for event in events:
            view.show(event)
    assert isinstance(out.console.file, io.StringIO)
    assert "total=" not in out.console.file.getvalue()


def test_a_tool_has_a_line_of_its_own_until_it_returns() -> None:
    tool = rows(20, "tool_progress", tool="query", call_id="c1")
    assert "20% 0:00:00 query 2,000 rows/s, 40 s left 20 thousand" in last_screen(tool)
    returned = told(20, "tool_returned", tool="query", call_id="c1", outcome="success", summary="ok")
    assert "rows/s" not in last_screen([*tool, returned])


def test_two_calls_of_a_tool_have_a_line_each() -> None:
    events = [told(0, "tool_progress", tool="q", call_id=c, fraction=f, message=c) for c, f in (("a", 0.1), ("b", 0.2))]
    screen = last_screen(events)
    assert "10% 0:00:00 q a" in screen
    assert "20% 0:00:00 q b" in screen


def test_a_called_job_has_a_line_of_its_own_until_it_ends() -> None:
    own = told(0, "progress", fraction=0.5, message="asks")
    child = rows(20, job="c", kind="data.query")
    screen = last_screen([own, *child])
    assert "50% 0:00:00 asks" in screen
    assert "20% 0:00:00 data.query 2,000 rows/s, 40 s left 20 thousand" in screen
    assert "data.query" not in last_screen([own, *child, told(20, "succeeded", job="c", kind="data.query")])


def test_what_else_a_called_job_tells_is_not_shown_among_the_events() -> None:
    out = Output(as_json=False)
    out.console = Console(file=io.StringIO(), force_terminal=True, width=80, height=12, color_system=None)
    with LiveView(out) as view:
        view.show(told(0, "started", worker="own"))
        view.show(told(0, "started", job="c", worker="its"))
        view.show(told(0, "token", job="c", text="secret thoughts"))
    assert isinstance(out.console.file, io.StringIO)
    screen = out.console.file.getvalue()
    assert "attempt 1 by own" in screen
    assert "by its" not in screen
    assert "thoughts" not in screen


def test_no_more_lines_than_a_screen_has_room_for() -> None:
    events = [told(n, "tool_progress", tool="q", call_id=str(n), fraction=0.5, message=f"call {n}") for n in range(50)]
    screen = last_screen(events)
    assert screen.count(" q call ") == MOST_LINES
    assert "call 49" in screen


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"rows": 100}, "200 rows/s"),
        ({"items": 0.25}, "30 items/min"),
        ({"done": 2}, "4.0/s"),
        ({"bytes": 1_500_000}, "3.0 MB/s"),
        ({"fraction": 0.01}, "2.0 %/s, 40 s left"),
        ({"fraction": 0.0009}, "11 %/min"),
        ({"fraction": 0.01, "rows": 10}, "20 rows/s, 40 s left"),
        ({"rows": 10, "total": 1_000}, "20 rows/s, 40 s left"),
        ({"rows": True, "total": 7}, ""),
        ({"rows": "many", "fraction": "half"}, ""),
        ({"rows": 7, "total": 0}, "14 rows/s"),
        ({"rows": 7, "total": -1}, "14 rows/s"),
    ],
)
def test_a_pace_is_told_from_what_there_is(data: dict[str, Any], text: str) -> None:
    now = 0.0
    pace = Pace(lambda: now)
    for n in range(21):
        now = n / 2
        scaled = {name: n * value for name, value in data.items() if type(value) in {int, float}}
        pace.observe({**data, **scaled, **({"total": data["total"]} if "total" in data else {})})
    assert pace.text() == text


def test_what_work_says_itself_of_its_remaining_time_counts() -> None:
    now = 10.0
    pace = Pace(lambda: now)
    pace.observe({"fraction": 0.1, "remaining_s": 90})
    assert pace.text() == "1 min 30 s left"
    now = 25.0
    assert pace.text() == "1 min 15 s left"
    pace.observe({"fraction": 0.2})
    assert pace.text() == ""


@pytest.mark.parametrize("fraction", [5, -1, "half", None, True, float("nan")])
def test_only_a_fraction_between_0_and_1_moves_the_bar(fraction: Any) -> None:
    pace = Pace(lambda: 0.0)
    pace.observe({"fraction": 0.5})
    pace.observe({"fraction": fraction, "remaining_s": fraction if fraction != 5 else "soon"})
    assert pace.fraction == 0.5


def test_the_clock_of_events_goes_on_between_them() -> None:
    now = 7.0
    clock = EventClock(lambda: now)
    clock.hear(NOON)
    now = 9.5
    assert clock() == NOON.timestamp() + 2.5


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s left"), (8.4, "8 s left"), (125, "2 min 5 s left")])
def test_a_remaining_time_is_told_in_seconds(seconds: float, text: str) -> None:
    assert rest_text(seconds) == text


def test_a_rate_of_bytes_is_told_in_their_sizes() -> None:
    assert rate_text(2_300_000, "bytes") == "2.3 MB/s"


# Called jobs


def waits_for(*children: str, job: str = "j") -> JobEvent:
    asks = [{"type": "child", "name": child, "facts": {"job_id": child}} for child in children]
    data: dict[str, Any] = {"for": asks}
    return told(0, "waiting", job=job, **data)


def seen(events: list[JobEvent], child: Callable[[str], Iterator[JobEvent]], last: str) -> list[str]:
    """The types of all events, of a job that ends when this was told of another."""
    found: list[str] = []

    def own() -> Iterator[JobEvent]:
        yield from events
        while last not in found:
            yield told(0, "progress")

    for event in overseen(own(), lambda: None, child):
        found.append(event.type)  # noqa: PERF401 - read meanwhile
    return found


def test_the_events_of_called_jobs_and_of_those_that_they_call_are_seen() -> None:
    below = {"a": [told(0, "a.told", job="a"), waits_for("b", job="a")], "b": [told(0, "b.told", job="b")]}
    found = seen([waits_for("a"), waits_for("a")], lambda job_id: iter(below[job_id]), "b.told")
    assert found.count("a.told") == 1


def test_a_called_job_that_cannot_be_read_is_left_out() -> None:
    def child(job_id: str) -> Iterator[JobEvent]:
        if job_id == "gone":
            raise LookupError
        return iter([told(0, "told", job=job_id)])

    assert "told" in seen([waits_for("gone", "here")], child, "told")


def test_of_a_hundred_called_jobs_a_few_are_followed_and_then_others() -> None:
    asked: list[str] = []

    def child(job_id: str) -> Iterator[JobEvent]:
        asked.append(job_id)
        yield told(0, "succeeded" if job_id == "n0" else "told", job=job_id)

    names = [f"n{n}" for n in range(100)]
    seen([waits_for(*names)], child, "succeeded")
    assert sorted(asked) == names[:MOST_CHILDREN]


@pytest.mark.parametrize("data", [{}, {"for": 5}, {"for": [5]}, {"for": [{"type": "child", "facts": {"job_id": 5}}]}])
def test_a_wait_of_another_shape_is_no_error(data: dict[str, Any]) -> None:
    events = [told(0, "waiting", **data)]
    assert list(overseen(events, lambda: None, lambda _: iter(()))) == events
