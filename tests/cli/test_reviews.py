"""`backdesk reviews`: the history of reviews, for people and programs."""

from __future__ import annotations

import pytest
import redis
from pydantic_core import to_json

from backdesk.worker.memory.calls import MemoryCalls
from backdesk.worker.settings import Settings
from tests.cli.conftest import Cli
from tests.support.board import NOON_MS, Board


@pytest.fixture
def on_board(cli: Cli, client: redis.Redis, settings: Settings) -> Cli:
    """Runs a command on a Redis that has three reviews."""
    board = Board(client, settings)
    found = (("acme", "a.b", ""), ("acme", "c.d", "slang"), ("other", "a.b", "length slang"))
    for number, (tenant, kind, failed) in enumerate(found):
        calls = MemoryCalls(settings, lambda number=number: NOON_MS + number)  # type: ignore[misc]
        data = {"agent": "refund", "passed": not failed, "overall": 0.5 + number / 10, "failed": failed.split()}
        data["correction"] = 1
        board.run(calls.note(tenant, "review", to_json({"job_id": f"job-{number}", "kind": kind, "data": data})))
    return lambda *words: cli(*words, url=settings.url)


def jobs_of(on_board: Cli, *options: str) -> list[str]:
    return [note["job_id"] for note in on_board("reviews", *options, "--json").document]


def test_reviews_are_shown_the_newest_first_with_score_verdict_and_failed_checks(on_board: Cli) -> None:
    heading, *lines = on_board("reviews").out.splitlines()
    assert heading.split()[-2:] == ["failed", "checks"]
    assert [line.split()[3:] for line in lines] == [
        ["other", "job-2", "refund", "0.70", "refused", "1", "length,", "slang"],
        ["acme", "job-1", "refund", "0.60", "refused", "1", "slang"],
        ["acme", "job-0", "refund", "0.50", "passed", "1"],
    ]


@pytest.mark.parametrize(
    ("options", "jobs"),
    [
        ((), ["job-2", "job-1", "job-0"]),
        (("--failed",), ["job-2", "job-1"]),
        (("--failed", "--limit", "1"), ["job-2"]),
        (("--tenant", "acme"), ["job-1", "job-0"]),
        (("--kind", "a.b"), ["job-2", "job-0"]),
        (("--since", "2999-01-01T00:00:00Z"), []),
    ],
)
def test_reviews_are_chosen_by_options(on_board: Cli, options: tuple[str, ...], jobs: list[str]) -> None:
    assert jobs_of(on_board, *options) == jobs


def test_without_reviews_the_command_says_what_makes_some(cli: Cli, settings: Settings) -> None:
    assert "agents with a quality gate" in cli("reviews", url=settings.url).out


def test_a_time_that_is_none_is_refused_by_its_name(on_board: Cli) -> None:
    answer = on_board("reviews", "--since", "yesterday")
    assert (answer.code, "since" in answer.err) == (2, True)
