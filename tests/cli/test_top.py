"""`backdesk top`: one page into a pipe, JSON for programs, a page that renews itself on a terminal."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from backdesk.cli.views.top import page
from backdesk.client.operations.job_limits import JobLimitStatus
from backdesk.client.operations.overview import Overview, QueueStatus, TenantLoad
from backdesk.client.operations.tenants import BUILT_IN, effective
from backdesk.client.operations.unserved import UnservedJobs
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.model.job import JobState
from backdesk.worker.model.service import BreakerState, BreakerStatus, BucketStatus, Limits, LimitStatus
from backdesk.worker.model.tenancy import JobLimits
from tests.cli.conftest import Cli, environment
from tests.support.eventually import PATIENCE_S
from tests.support.workers import Fleet

NOW = datetime.now(UTC)


def busy(tenants: int) -> Overview:
    load = {"own": True, "settings": effective('3 20 ~ ~ {"weight": 3, "max_running": 20}', "", BUILT_IN)}
    return Overview(
        at=NOW,
        states=dict.fromkeys(JobState, 3),
        ended_per_s=12.5,
        behind=1,
        unserved=[UnservedJobs(queue="agents", kind="a.c", lack="kind", jobs=2)],
        queues=[
            QueueStatus(queue="agents", queued=70, delivered=2, running=4, slots=4, average_s=1.5, longest_wait_s=75)
        ],
        tenants=[
            TenantLoad(tenant=f"tenant-{n:03}", queued=7, running=2, limited=5, share=0.5, ended_per_s=1.5, **load)
            for n in range(tenants)
        ],
        tenants_left_out=9,
        workers=[WorkerFacts(name="agents@web-1", slots={"agents": 4}, running=4, kinds=("a.b",), ticked_s=9)],
        breakers=[BreakerStatus(resource="openai/gpt-4o", state=BreakerState.OPEN, since=NOW, failures=5)],
        job_limits=[JobLimitStatus(scope="kind a.b", limits=JobLimits(max_running=4), running=4, held=2)],
        service_limits=[
            LimitStatus(
                scope="openai/gpt-4o",
                limits=Limits(concurrent=4),
                buckets=[BucketStatus(bucket="openai/gpt-4o#3fa9c1d2", calls=4, parked=3)],
            )
        ],
        schedules=[],
        schedules_left_out=0,
    )


def printed(seen: Overview, width: int, height: int | None = None) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None, markup=False, highlight=False)
    console.print(page(seen, width, height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_page_tells_of_everything() -> None:
    lines = printed(busy(2), 160)

    assert "12.5 jobs/s end" in lines[0]
    assert "3 queued (1 behind others), 3 running" in lines[0]
    assert lines[1].split()[:5] == ["queue", "queued", "delivered", "running", "slots"]
    assert lines[1].split()[5:] == ["jobs/s", "average", "longest", "wait"]
    assert lines[2].split() == ["agents", "70", "2", "4", "4", "0", "1.50", "s", "1", "min"]
    assert lines[3].startswith("2 queued of a.c: no live worker runs this kind; start one: ")
    assert lines[6].split() == ["tenant-000", "7", "2/20", "5", "1.5", "50%", "3"]
    assert "9 less busy tenants are left out" in lines
    assert any("Celery's loop has not turned for 9.0 s" in line for line in lines)
    assert any(line.startswith("openai/gpt-4o  open") for line in lines)
    limit = "kind:a.b at most 4 running 4 of 4 running, 2 places are held"
    assert limit in {" ".join(line.split()) for line in lines}
    assert any("4 of 4 calls under way, 3 jobs parked" in line for line in lines)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = printed(busy(2), width)

    assert max(map(len, lines)) <= width
    assert any(line.startswith("tenant-001") for line in lines)


def test_a_low_terminal_shows_fewer_tenants_and_says_so() -> None:
    lines = printed(busy(50), 120, 30)

    assert len(lines) <= 30
    shown = sum(line.startswith("tenant-") for line in lines)
    assert shown >= 3
    assert f"{9 + 50 - shown} less busy tenants are left out" in lines


def test_a_name_that_would_steer_the_terminal_is_made_safe() -> None:
    seen = busy(1)
    worker = seen.workers[0].model_copy(update={"name": "a\x1b[2Jb"})
    assert "\x1b" not in "".join(printed(seen.model_copy(update={"workers": [worker]}), 120))


def test_into_a_pipe_one_page_is_printed(on_fleet: Cli) -> None:
    answer = on_fleet("top")

    assert answer.code == 0
    assert answer.out.splitlines()[1].startswith("queue ")
    assert "agents-1@test" in answer.out
    assert "\x1b" not in answer.out


def test_for_programs_it_is_one_object(on_fleet: Cli) -> None:
    seen = on_fleet("top", "--json").document

    assert [each["queue"] for each in seen["queues"]] == ["agents", "tools"]
    assert [each["slots"] for each in seen["queues"]] == [4, 2]
    assert {each["name"] for each in seen["workers"]} == {"agents-1@test", "tools-2@test"}
    assert seen.keys() == Overview.model_fields.keys()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--interval", "soon"], "'soon' is no length of time"),
        (["--interval", "0.01"], "interval: must be from 0.2 seconds"),
        (["--tenants", "-1"], "greater than or equal to 0"),
    ],
)
def test_wrong_options_are_refused(on_fleet: Cli, words: list[str], reason: str) -> None:
    answer = on_fleet("top", *words)

    assert answer.code == 2
    assert reason in answer.err


def test_without_redis_it_says_so(cli: Cli) -> None:
    assert cli("top").code == 3


class Terminal:
    """`backdesk top` on a terminal of 100 columns."""

    def __init__(self, fleet: Fleet, folder: Path, rows: int = 30) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 100, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "backdesk.cli", "top", "--interval", "0.2"],
            cwd=folder,
            # The size in the environment, which a shell may have exported, comes before that of the terminal.
            env=environment(BACKDESK_REDIS_URL=fleet.url, TERM="xterm-256color", COLUMNS="100", LINES=str(rows)),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.screen = ""

    def read_until(self, text: str, times: int = 1) -> None:
        """Read until the text has been written so often."""
        ends = time.monotonic() + PATIENCE_S
        while self.screen.count(text) < times:
            assert time.monotonic() < ends, self.screen
            if select.select([self._ours], [], [], 1)[0]:
                try:
                    self.screen += os.read(self._ours, 65536).decode(errors="replace")
                except OSError:
                    raise AssertionError(f"it has ended: {self.screen}") from None

    def press(self, key: str) -> None:
        os.write(self._ours, key.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def on_terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Starts the command on a terminal for a fleet."""
    made: list[Terminal] = []

    def start(fleet: Fleet, rows: int = 30) -> Terminal:
        made.append(Terminal(fleet, tmp_path, rows))
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def terminal(on_terminal: Callable[..., Terminal], fleet: Fleet) -> Terminal:
    return on_terminal(fleet)


def test_on_a_terminal_the_page_is_renewed_until_somebody_presses_q(terminal: Terminal) -> None:
    terminal.read_until("q to leave", times=3)
    assert "\x1b[?1049h" in terminal.screen, "a screen of its own"
    terminal.press("x")
    terminal.press("q")
    terminal.read_until("\x1b[?1049l")
    assert terminal.process.wait(PATIENCE_S) == 0


def test_ctrl_c_ends_it_too_and_gives_the_terminal_back(terminal: Terminal) -> None:
    terminal.read_until("q to leave")
    terminal.process.send_signal(signal.SIGINT)
    terminal.read_until("\x1b[?1049l")
    assert terminal.process.wait(PATIENCE_S) == 130


def test_what_does_not_fit_on_the_terminal_is_counted(on_terminal: Callable[..., Terminal], fleet: Fleet) -> None:
    on_terminal(fleet, rows=5).read_until("lines do not fit, see them with --once")


def test_while_redis_is_away_the_page_stays_and_says_that_it_is_old(
    on_terminal: Callable[..., Terminal], fleet_of_this_test: Fleet
) -> None:
    terminal = on_terminal(fleet_of_this_test)
    terminal.read_until("q to leave")
    with fleet_of_this_test.redis_stopped():
        terminal.read_until("what follows is old: ")
    seen = terminal.screen.count("q to leave")
    terminal.read_until("no jobs; 0 jobs/s end", terminal.screen.count("no jobs; 0 jobs/s end") + 2)
    assert terminal.screen.count("q to leave") > seen
