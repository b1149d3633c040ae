"""Logs: one JSON object a line, and the job at hand in each."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError

from backdesk.worker.process.logging import shortened
from tests.support.workers import ROOT, environment, fast_settings

SCRIPT = """
import logging, sys, asyncio
from backdesk.worker.process.logging import Bound, configure_logging
from backdesk.worker.process.event_loop import ProcessLoop
from backdesk.worker.settings import load_settings
configure_logging(load_settings(), {level!r})
log = logging.getLogger("of.a.library")
async def inside():
    log.info("in_coroutine")
with Bound(job_id="a", attempt=2):
    log.info("plain %s", "arguments", extra={{"count": 3}})
    loop = ProcessLoop()
    loop.run(inside()).result()
    facts = {{"api_key": "abc", "error": OSError("Bearer abc123def456ghi")}}
    log.warning("signing in with password=%s", "hunter2", extra=facts)
    try:
        raise ValueError("Bearer abc123def456ghi is not taken")
    except ValueError:
        log.exception("refused")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("went_wrong")
log.info("outside")
log.debug("detail")
"""


def logged(level: str | None = None, **env: str) -> list[str]:
    settings = fast_settings("redis://127.0.0.1:1/0")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(level=level)],
        env=environment(settings, **env),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged()]


def test_each_line_is_a_json_object_with_event_level_logger_and_time(lines: list[dict[str, Any]]) -> None:
    assert lines
    assert all({"event", "level", "logger", "timestamp"} <= line.keys() for line in lines)


def test_a_line_within_a_job_names_the_job_whoever_logs_it(lines: list[dict[str, Any]]) -> None:
    assert (lines[0]["event"], lines[0]["count"], lines[0]["job_id"]) == ("plain arguments", 3, "a")


def test_a_coroutine_started_by_a_job_logs_under_that_job(lines: list[dict[str, Any]]) -> None:
    (line,) = [line for line in lines if line["event"] == "in_coroutine"]
    assert (line["job_id"], line["attempt"]) == ("a", 2)


def test_an_accident_is_one_line_with_its_traceback(lines: list[dict[str, Any]]) -> None:
    (line,) = [line for line in lines if line["event"] == "went_wrong"]
    assert "ZeroDivisionError" in line["exception"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_line_shows_a_secret_not_even_a_traceback(log_format: str) -> None:
    text = re.sub(r"\x1b\[\d*m", "", "\n".join(logged(BACKDESK_LOG_FORMAT=log_format)))
    assert "password=[masked]" in text
    assert "Bearer [masked] is not taken" in text
    assert not any(secret in text for secret in ("hunter2", "abc123def456ghi", '"abc"', "=abc"))


def test_outside_a_job_no_job_is_named(lines: list[dict[str, Any]]) -> None:
    assert (lines[-1]["event"], "job_id" in lines[-1]) == ("outside", False)


def test_a_level_that_is_given_comes_before_that_of_the_settings() -> None:
    assert json.loads(logged(str(logging.getLevelName(logging.DEBUG)))[-1])["event"] == "detail"


def test_on_request_people_get_lines_that_they_can_read(tmp_path: Path) -> None:
    lines = logged(BACKDESK_LOG_FORMAT="console")
    assert "plain arguments" in lines[0]
    assert not lines[0].startswith("{")


@pytest.mark.parametrize(
    ("logger", "error", "kept"),
    [
        ("kombu.transport.redis", ConnectionError("refused"), False),
        ("kombu.transport.redis", ResponseError("OOM command not allowed"), False),
        ("celery.worker", KeyError("a mistake"), True),
        ("backdesk.kinds.support.kind", ConnectionError("of a body"), True),
    ],
)
def test_what_celery_says_of_an_outage_comes_without_a_traceback(logger: str, error: Exception, kept: bool) -> None:
    record = logging.makeLogRecord({"name": logger, "exc_info": (type(error), error, None)})
    assert shortened(record)
    assert (record.exc_info is not None) is kept
