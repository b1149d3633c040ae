"""What a person sees on a terminal: a bar, the events, and the answer as it grows."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from backdesk.cli.output import Output
from backdesk.cli.views.progress import LineView, LiveView
from backdesk.worker.model.events import JobEvent
from tests.cli.conftest import environment, written_to
from tests.support.eventually import PATIENCE_S
from tests.support.workers import Fleet


def event(seq: int, event_type: str, **data: Any) -> JobEvent:
    return JobEvent(
        seq=seq, job_id="j", kind="k", tenant="t", attempt=1, at=datetime.now(UTC), type=event_type, data=data
    )


def shown(*events: JobEvent) -> str:
    """Everything that the live view wrote to a terminal."""
    out = Output(as_json=False)
    out.console = Console(file=io.StringIO(), force_terminal=True, width=80, height=12, markup=False, color_system=None)
    with LiveView(out) as view:
        for told in events:
            view.show(told)
            view.refresh()
    assert isinstance(out.console.file, io.StringIO)
    return out.console.file.getvalue()


def test_the_bar_shows_the_fraction_and_the_message() -> None:
    screen = shown(event(1, "progress", fraction=0.4, message="Looking up the order"))

    assert "40% 0:00:00 Looking up the order" in screen


def test_tokens_grow_into_text() -> None:
    screen = shown(event(1, "token", text="Order 10003 "), event(2, "token", text="is refunded."))

    assert "Order 10003 is refunded." in screen


def test_a_long_answer_scrolls_within_the_screen() -> None:
    screen = shown(*(event(n, "token", text=f"line {n}\n") for n in range(1, 41)))

    assert "line 40" in screen


def test_a_plan_is_a_list_that_is_redrawn_and_stays_as_it_was_in_the_end() -> None:
    plan = [{"title": "Read", "state": "running"}, {"title": "Write", "state": "pending"}]
    done = [{"title": "Read", "state": "done"}, {"title": "Write", "state": "skipped"}]
    screen = shown(event(1, "plan", steps=plan), event(2, "plan", steps=done), event(3, "succeeded", result=None))

    assert "▸ Read" in screen
    assert "· Write" in screen
    assert screen.index("\x1b[2K  ✓ Read\n  - Write\n") < screen.index("succeeded")


def test_a_plan_is_told_in_lines_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with LineView(Output(as_json=False)) as view:
        view.show(event(1, "plan", steps=[{"title": "Read", "state": "running"}]))
    assert capsys.readouterr().out.endswith("plan          0 of 1 done, now: Read\n")


def test_text_that_a_review_refuses_is_struck_out_and_no_part_of_the_answer() -> None:
    refused = event(2, "review", agent="a", passed=False, overall=0.5, failed=["slang"])
    events = event(1, "token", text="yeah"), refused, event(3, "token", text="Yes, it is.")
    screen = shown(*events)

    assert "a: refused (0.50): slang; its text is void" in screen
    assert "yeah" not in screen[screen.index("Yes, it is.") :]


def test_in_a_pipe_the_line_of_a_refused_draft_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with LineView(Output(as_json=False)) as view:
        view.show(event(1, "token", text="yeah"))
        view.show(event(2, "review", agent="a", passed=False, overall=0.5, failed=["slang"]))
        view.show(event(3, "token", text="Yes, it is."))
        view.show(event(4, "review", agent="a", passed=True, overall=0.9, correction=1))
    lines = [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()]
    assert [line.split(maxsplit=1)[1] for line in lines] == [
        "[void] yeah",
        "a: refused (0.50): slang; its text is void",
        "Yes, it is.",
        "a: passed (0.90) after 1 correction",
    ]


def test_a_message_with_markup_or_braces_is_shown_as_it_is() -> None:
    screen = shown(event(1, "progress", fraction=0.5, message="[red]{task}[/red]"), event(2, "a.b", x="[/bold]"))

    assert "[red]{task}[/red]" in screen
    assert "x=[/bold]" in screen


def test_events_of_unknown_types_and_shapes_are_shown() -> None:
    screen = shown(event(1, "of.a.later.version", pages=[1]), event(2, "token", words=1), event(3, "progress", page=2))

    assert "pages=[1]" in screen
    assert "page=2" in screen


def test_on_a_real_terminal_the_command_redraws_and_ends_with_the_result(fleet: Fleet, tmp_path: Path) -> None:
    screen = on_terminal(fleet, tmp_path, TERM="xterm-256color")

    assert "\x1b[?25l" in screen, "the cursor is hidden while it redraws"
    assert screen.rstrip().endswith("}\x1b[?25h") or screen.rstrip().endswith("}")
    assert "\x1b[32m" in screen or "\x1b[1;32m" in screen
    assert '"text": "one two three"' in screen


def test_without_colour_where_none_is_wished(fleet: Fleet, tmp_path: Path) -> None:
    screen = on_terminal(fleet, tmp_path, TERM="xterm-256color", NO_COLOR="1")

    assert "\x1b[32m" not in screen
    assert "\x1b[1;32m" not in screen


def test_a_dumb_terminal_gets_plain_lines(fleet: Fleet, tmp_path: Path) -> None:
    screen = on_terminal(fleet, tmp_path, TERM="dumb")

    assert "\x1b" not in screen
    assert "one two three" in screen


def on_terminal(fleet: Fleet, folder: Path, **env: str) -> str:
    """Everything that `submit --watch` writes to a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    words = ["submit", "test.tokens", "--text", "one two three", "--watch"]
    process = subprocess.Popen(
        [sys.executable, "-m", "backdesk.cli", *words],
        cwd=folder,
        env=environment(BACKDESK_REDIS_URL=fleet.url, **env),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    screen = written_to(ours)
    assert process.wait(PATIENCE_S) == 0, screen
    return screen
