"""`backdesk series`: what ended step by step, on a terminal, for programs, and where there is nothing."""

from __future__ import annotations

import pytest
import redis

from backdesk.worker.model.job import Succeeded, Usage
from backdesk.worker.settings import Settings
from tests.cli.conftest import Cli
from tests.support.board import Board, Clock


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    """A store twenty minutes ago, when a minute began."""
    return Board(client, settings, Clock((int(client.time()[0]) - 1200) // 60 * 60_000))


def run(board: Board, kind: str = "test.echo", usage: Usage | None = None) -> None:
    job_id = board.submit(kind=kind)
    board.clock.advance(1)
    claim = board.start(job_id)
    board.clock.advance(4)
    board.finish(claim, Succeeded(b'"done"'), usage)


def test_a_line_tells_of_a_step_and_those_without_jobs_are_there(cli: Cli, board: Board) -> None:
    run(board, usage=Usage(requests=1, input_tokens=1000, output_tokens=234, cost_usd=0.25))
    heading, *lines = cli("series", url=board.settings.url).out.splitlines()
    titles = ["UTC", "jobs", "ok", "failed", "wait p50", "wait p95", "run p50", "run p95", "tokens", "USD"]
    assert " ".join(heading.split()) == " ".join(titles)
    assert len(lines) in {13, 14}
    (told,) = [line.split()[2:] for line in lines if line.split()[2] != "0"]
    assert told == ["1", "1", "0%", "0.77", "s", "1.00", "s", "3.07", "s", "3.99", "s", "1,234", "0.25"]


def test_by_kind_only_those_that_had_jobs_are_told(cli: Cli, board: Board) -> None:
    run(board)
    run(board, kind="test.steps")
    run(board)
    answer = cli("series", "--by", "kind", "--step", "1h", "--since", "2h", url=board.settings.url)
    heading, *lines = answer.out.splitlines()
    assert heading.split()[:3] == ["UTC", "kind", "jobs"]
    counts = [("test.echo", "2"), ("test.steps", "1")]
    assert [next(pair for pair in counts if pair[0] in line and f" {pair[1]} " in line) for line in lines] == counts


def test_for_programs_it_is_one_object(cli: Cli, board: Board) -> None:
    run(board)
    told = cli("series", "--step", "1m", "--by", "queue", "--json", url=board.settings.url).document
    assert (told["by"], [group["name"] for group in told["groups"]]) == ("queue", ["agents"])
    (point,) = [point for point in told["total"] if point["jobs"]]
    assert (point["states"]["succeeded"], point["failed_share"], point["run"]["mean"]) == (1, 0.0, 4.0)


def test_where_nothing_has_ended_it_says_so(cli: Cli, settings: Settings) -> None:
    answer = cli("series", "--kind", "test.echo", url=settings.url)
    assert (answer.code, answer.out.startswith("no job like that has ended from ")) == (0, True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--since", "soon"], "'soon' is neither a length of time"),
        (["--since", "50h"], "kept for 48 hours"),
        (["--step", "90"], "whole minutes"),
        (["--step", "now"], "no length of time"),
        (["--by", "tenant"], "tenant"),
    ],
)
def test_what_cannot_be_told_is_refused(cli: Cli, settings: Settings, words: list[str], reason: str) -> None:
    answer = cli("series", *words, url=settings.url)
    assert (answer.code, answer.out) == (2, "")
    assert reason in " ".join(answer.err.split())
