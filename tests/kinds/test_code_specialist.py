"""What the specialist in code is asked to run is run, by the job of another kind, and only where that is allowed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import backdesk.kinds.samples  # noqa: F401 - registers all kinds
from backdesk.platform.tool_settings import settings_of
from backdesk.testing import Bench, sandbox

FENCED = "```python\nprint(sum(range(5)))\n```"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench, sandbox():
        settings_of.cache_clear()
        yield bench
    settings_of.cache_clear()


def asked(bench: Bench, words: str) -> str:
    job = bench.run("team.route", {"message": f"{words}\n{FENCED}"})
    assert job.result.specialist == "code"
    return str(job.result.answer)


def test_code_is_run_where_that_is_asked_and_allowed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_CODE_TOOL", "1")
    assert "It was run. It printed:\n```text\n10\n```" in asked(bench, "What does this Python code print when it runs?")


def test_code_is_only_read_where_nobody_asks_to_run_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_CODE_TOOL", "1")
    assert "It was read and not run." in asked(bench, "Is the syntax of this Python code all right?")


def test_code_is_not_run_where_the_deployment_does_not_allow_it(bench: Bench) -> None:
    assert "BACKDESK_CODE_TOOL is off" in asked(bench, "Please run this Python code.")
