"""`backdesk stats`: what jobs came to, on any terminal, for programs, and where there is nothing."""

from __future__ import annotations

import io

import pytest
import redis
from rich.console import Console
from rich.table import Table

from backdesk.cli.views.measures import figure
from backdesk.cli.views.stats import measures_table, stats_table
from backdesk.client.operations.stats import Distribution, JobStats, Stats
from backdesk.worker.model.job import JobState, Succeeded, Usage
from backdesk.worker.settings import Settings
from tests.cli.conftest import Cli
from tests.support.board import Board

MEASURES = {
    "first_token_seconds": 0.84,
    "tokens_per_second": 43.21,
    "quality": 0.91,
    "corrections": 1.0,
    "handoffs": 2.0,
}


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    return Board(client, settings)


def answered(board: Board, kind: str, cost_usd: float | None = 0.25) -> None:
    usage = Usage(requests=3, input_tokens=1000, output_tokens=234, cost_usd=cost_usd, measures=MEASURES)
    board.finish(board.start(board.submit(kind=kind)), Succeeded(b'"done"'), usage)


def of(*values: float) -> Distribution:
    least, most = min(values), max(values)
    of_all = {"count": len(values), "sum": sum(values), "mean": sum(values) / len(values)}
    return Distribution.model_validate(of_all | {"min": least, "p50": least, "p95": most, "p99": most, "max": most})


def group(name: str, measures: dict[str, Distribution] | None = None, *, failed: int = 0) -> JobStats:
    states = {JobState.SUCCEEDED: 9, JobState.FAILED: failed, JobState.CANCELLED: 0, JobState.EXPIRED: 0}
    return JobStats(name=name, states=states, measures=measures or {})


def stats_of(*groups: JobStats) -> Stats:
    days = {"since": "2026-03-01", "until": "2026-03-07"}
    return Stats.model_validate(days | {"by": "kind", "groups": groups, "total": groups[0]})


BUSY = group(
    "org.assistant",
    {
        "run_seconds": of(7.25, 3725.0),
        "requests": of(2, 3),
        "input_tokens": of(1_234_567),
        "output_tokens": of(2.0),
        "cost_usd": of(12.5),
        **{name: of(value, value) for name, value in MEASURES.items()},
    },
)


def printed(table: Table, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_line_tells_of_a_kind_and_the_last_of_all(cli: Cli, board: Board) -> None:
    answered(board, "test.echo")
    answered(board, "test.echo")
    board.fail(board.start(board.submit(kind="test.steps")))
    heading, echo, steps, total, span = cli("stats", url=board.settings.url).out.splitlines()
    titles = "kind jobs ok failed run p50 p95 first token tokens/s tokens USD USD p95 quality corrections hand-offs"
    assert " ".join(heading.split()) == titles
    assert echo.split()[:4] == ["test.echo", "2", "2", "0%"]
    assert echo.split()[-9:] == ["0.84", "s", "43.2", "2,468", "0.5", "0.25", "0.91", "2", "4"]
    assert steps.split()[:4] == ["test.steps", "1", "0", "100%"]
    assert steps.split()[5::2] == ["s", "s"]  # that it ran
    assert total.split()[:4] == ["all", "3", "2", "33%"]
    assert span.startswith("from ")
    assert span.endswith(", in UTC")


@pytest.mark.parametrize(
    ("width", "kept"),
    [
        (200, {"ok", "tokens/s", "tokens", "USD p95", "corrections", "hand-offs"}),
        (120, {"ok", "tokens/s", "tokens"}),
        (80, set()),
    ],
)
def test_columns_are_left_out_until_the_table_fits(width: int, kept: set[str]) -> None:
    heading, line = printed(stats_table(stats_of(BUSY), width=width), width)
    assert max(len(heading), len(line)) <= width
    always = {"kind", "jobs", "failed", "run p50", "p95", "USD", "quality"}
    missing = {title for title in always | kept if title not in heading}
    assert missing == set(), heading
    assert "org.assistant" in line


def test_columns_of_which_there_is_no_figure_are_not_shown() -> None:
    heading, line = printed(stats_table(stats_of(group("orders.audit")), width=80), 80)
    assert (heading.split(), line.split()) == (["kind", "jobs", "ok", "failed"], ["orders.audit", "9", "9", "0%"])


@pytest.mark.parametrize(
    ("measures", "shown"),
    [
        ({"requests": of(1, 1), "cost_usd": of(0.5, 0.7)}, "1.20"),
        ({"requests": of(1, 1), "cost_usd": of(0.5)}, "0.5+"),
        ({"requests": of(1, 1)}, "unknown"),
    ],
)
def test_a_cost_that_is_not_known_is_never_a_number(measures: dict[str, Distribution], shown: str) -> None:
    heading, line = printed(stats_table(stats_of(group("a.b", measures)), width=80), 80)
    assert "USD" in heading
    assert shown in line.split()


def test_failures_are_told_in_percent() -> None:
    lines = [printed(stats_table(stats_of(group("a.b", failed=n)), width=80), 80)[1].split()[3] for n in (0, 1, 291)]
    assert lines == ["0%", "10%", "97%"]


def test_a_measure_is_told_with_all_of_its_figures(cli: Cli, board: Board) -> None:
    answered(board, "test.echo")
    answer = cli("stats", "--measure", "quality", "--measure", "requests", url=board.settings.url)
    heading, quality, requests, _ = answer.out.splitlines()
    assert heading.split() == ["kind", "measure", "jobs", "sum", "mean", "min", "p50", "p95", "max"]
    assert quality.split() == ["test.echo", "quality", "1", *["0.91"] * 6]
    assert requests.split() == ["requests", "1", *["3"] * 6]
    wide = stats_of(group("an.assistant.of.a.long.name", {"first_token_seconds": of(123456.0, 2.0)}))
    assert max(map(len, printed(measures_table(wide, ["first_token_seconds"], width=80), 80))) <= 80


def test_for_programs_it_is_one_object(cli: Cli, board: Board) -> None:
    answered(board, "test.echo")
    told = cli("stats", "--since", "1d", "--by", "tenant", "--json", url=board.settings.url).document
    assert (told["since"], told["by"]) == (told["until"], "tenant")
    (acme,) = told["groups"]
    assert (acme["name"], acme["jobs"], acme["failed_share"]) == ("acme", 1, 0.0)
    assert acme["measures"]["quality"]["p95"] == pytest.approx(0.91, rel=0.02)


def test_where_nothing_has_ended_it_says_so_and_what_is_counted(cli: Cli, settings: Settings) -> None:
    answer = cli("stats", "--kind", "test.echo", url=settings.url)
    assert answer.code == 0
    assert answer.out.startswith("no job like that has ended from ")
    assert "counted when they end" in answer.out
    assert cli("stats", "--json", url=settings.url).document["groups"] == []


def test_a_measure_that_no_job_has_is_refused_with_those_that_there_are(cli: Cli, board: Board) -> None:
    answered(board, "test.echo")
    answer = cli("stats", "--measure", "beauty", url=board.settings.url)
    assert answer.code == 2
    assert "none of these jobs has measured 'beauty'" in answer.err
    assert "quality" in answer.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--since", "soon"], "'soon' is neither a length of time"),
        (["--since", "41d"], "kept for 40 days"),
        (["--since", "2999-01-01"], "in the future"),
        (["--by", "queue"], "queue"),
    ],
)
def test_what_cannot_be_told_is_refused(cli: Cli, settings: Settings, words: list[str], reason: str) -> None:
    answer = cli("stats", *words, url=settings.url)
    assert (answer.code, answer.out) == (2, "")
    assert reason in " ".join(answer.err.split())


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.8421, "0.842"), (12345.6, "12,346"), (3.0, "3"), (0.0, "0"), (43.25, "43.2"), (-0.5, "-0.5")],
)
def test_figures_are_short(value: float, shown: str) -> None:
    assert figure(value) == shown
