"""`backdesk demo`: a conversation from question to answer, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import alive, begin, descendants, finish, words_of
from tests.support.eventually import eventually


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where the demo's temporary files go, so that what it leaves there is seen."""
    with tempfile.TemporaryDirectory(prefix="d-") as folder:
        yield {"TMPDIR": folder}


def left_in(scratch: dict[str, str]) -> list[Path]:
    return list(Path(scratch["TMPDIR"]).iterdir())


def children_of(demo: subprocess.Popen[str]) -> set[int]:
    """The processes of a demo, once Redis and the worker, each with its keeper, are there."""
    eventually(lambda: len(descendants(demo.pid)) >= 4, what="Redis and a worker")
    return descendants(demo.pid)


def test_the_demo_answers_in_a_pipe_and_leaves_nothing_behind(tmp_path: Path, scratch: dict[str, str]) -> None:
    answer = finish(begin("demo", cwd=tmp_path, **scratch))

    assert answer.code == 0, answer.err
    assert answer.err == ""
    assert "\x1b" not in answer.out
    assert "Customer: Hello, I want to return order 10003 and get my money back." in answer.out
    shown, yes = (
        answer.out.index("Shall I refund 78.00 EUR for order 10003?"),
        answer.out.index("Customer: Yes, please."),
    )
    assert "Proposed as P-000001: nothing is done yet." in answer.out[shown:yes]
    assert "R-10003" not in answer.out[:yes]
    types = [line.split()[1] for line in answer.out.splitlines() if line[2:3] == ":"]
    assert types[:2] == ["queued", "started"]
    assert {"progress", "agent", "tool_called", "tool_returned", "token"} <= set(types)
    assert types[-1] == "succeeded"
    end = answer.out[answer.out.index("\nAnswer\n") :]
    assert "Order 10003 is refunded" in end
    assert "Agent     refund" in end
    assert "refund R-10003: 78.00 EUR for order 10003" in end
    assert "1 model request" in end
    assert "The offline model answered" in end
    assert "OPENAI_API_KEY" in end
    assert left_in(scratch) == []
    assert list(tmp_path.iterdir()) == []


def test_the_demo_as_json_is_the_record(tmp_path: Path) -> None:
    answer = finish(begin("demo", "Please refund order 10003", "--json", cwd=tmp_path))

    assert answer.code == 0, answer.err
    assert answer.document["request"]["message"] == "Yes, please."
    assert answer.document["result"]["actions"][0]["type"] == "refund"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_demo_stops_what_it_started(
    number: signal.Signals, code: int, tmp_path: Path, scratch: dict[str, str]
) -> None:
    demo = begin("demo", cwd=tmp_path, **scratch)
    children = children_of(demo)
    demo.send_signal(number)
    answer = finish(demo)

    assert answer.code == code
    assert "Traceback" not in answer.err
    eventually(lambda: not any(map(alive, children)), what="the end of all processes")
    assert left_in(scratch) == []


def test_a_killed_demo_takes_its_processes_with_it(tmp_path: Path, scratch: dict[str, str]) -> None:
    demo = begin("demo", cwd=tmp_path, **scratch)
    children = children_of(demo)
    demo.kill()
    finish(demo)

    eventually(lambda: not any(map(alive, children)), what="the end of all processes")
    eventually(lambda: left_in(scratch) == [], what="the removal of the temporary folders")


def test_a_worker_that_cannot_start_is_a_failure_with_its_last_words(tmp_path: Path) -> None:
    # The worker finds this module in its working directory before the real one.
    (tmp_path / "structlog.py").write_text("raise RuntimeError('no logs today')\n")
    answer = finish(begin("demo", cwd=tmp_path))

    assert answer.code == 1
    assert "Error: the worker ended with exit code 1; its log ends with:" in answer.err
    assert "no logs today" in answer.err
    assert "Traceback" not in answer.err.splitlines()[0]


def test_a_worker_that_dies_under_the_job_is_a_failure(tmp_path: Path) -> None:
    demo = begin("demo", cwd=tmp_path, BACKDESK_OFFLINE_TOKEN_DELAY_MS="1000")
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.split()[1:2] == ["started"]:
            break
    for pid in descendants(demo.pid):
        if words_of(pid)[1:3] == ["-m", "backdesk.worker"]:
            os.kill(pid, signal.SIGKILL)
    answer = finish(demo)

    assert answer.code == 1
    assert "the worker was killed by SIGKILL" in answer.err
