"""Jobs are found by state, tenant, kind and code of their error, a page at a time, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backdesk.worker.failure import Category, Failure
from backdesk.worker.model.job import Claim, Failed, JobState
from backdesk.worker.model.page import Page, read_cursor
from backdesk.worker.store import listing
from backdesk.worker.store.listing import JobFilter, ListingCalls
from tests.support.board import Board, Clock, question
from tests.support.upkeep import leaks


def page(board: Board, *, after: str | None = None, limit: int = 50, **meant: Any) -> Page[str]:
    found = board.run(ListingCalls(board.settings, board.clock).jobs(JobFilter(**meant), read_cursor(after), limit))
    return found.holding([job_id for _, job_id in found])


def ids(board: Board, **meant: Any) -> list[str]:
    return [*page(board, **meant)]


def fail(board: Board, job_id: str, code: str, category: Category = Category.UNKNOWN, **fields: Any) -> None:
    claim = board.start(board.submit(job_id, **fields))
    board.finish(claim, Failed(Failure(code=code, message="it broke", category=category)))


@pytest.fixture
def shelf(board: Board, clock: Clock) -> Board:
    """A job in each state, the oldest first, of two tenants and two kinds."""
    board.submit("later", run_at_ms=clock() + 60_000)
    clock.advance(1)
    board.submit("queued", tenant="globex")
    clock.advance(1)
    board.start(board.submit("running", kind="test.sum"))
    clock.advance(1)
    board.wait(board.start(board.submit("waiting")), question())
    clock.advance(1)
    board.succeed(board.start(board.submit("done", tenant="globex", kind="test.sum")))
    clock.advance(1)
    fail(board, "broken", "no_stock", Category.VALIDATION)
    clock.advance(1)
    fail(board, "busy", "rate_limited", Category.RATE_LIMIT, tenant="globex")
    clock.advance(1)
    board.cancel(board.submit("cancelled", kind="test.sum"))
    return board


@pytest.mark.parametrize(
    ("meant", "expected"),
    [
        ({}, "cancelled busy broken done waiting running queued later"),
        ({"tenant": "acme"}, "cancelled broken waiting running later"),
        ({"kind": "test.sum"}, "cancelled done running"),
        ({"state": JobState.RUNNING}, "running"),
        ({"state": JobState.QUEUED, "tenant": "globex"}, "queued"),
        ({"state": JobState.QUEUED, "tenant": "acme"}, ""),
        ({"state": JobState.QUEUED, "tenant": "globex", "kind": "test.echo"}, "queued"),
        ({"state": JobState.RUNNING, "tenant": "globex"}, ""),
        ({"state": JobState.FAILED}, "busy broken"),
        ({"state": JobState.FAILED, "tenant": "acme"}, "broken"),
        ({"state": JobState.FAILED, "kind": "test.sum"}, ""),
        ({"state": JobState.FAILED, "code": "rate_limited"}, "busy"),
        ({"state": JobState.FAILED, "code": "rate_limited", "tenant": "acme"}, ""),
        ({"state": JobState.FAILED, "category": "validation"}, "broken"),
        ({"tenant": "globex", "kind": "test.sum"}, "done"),
        ({"state": JobState.SUCCEEDED, "tenant": "globex", "kind": "test.sum"}, "done"),
        ({"tenant": "nobody"}, ""),
    ],
)
def test_jobs_are_found_by_what_is_meant_the_newest_first(shelf: Board, meant: dict[str, Any], expected: str) -> None:
    assert ids(shelf, **meant) == expected.split()


def test_those_of_a_tenant_keep_their_order_while_they_go_on(board: Board, clock: Clock) -> None:
    for job_id in ("a", "b", "c"):
        board.submit(job_id)
        clock.advance(1)
    board.succeed(board.start("a"))
    assert ids(board, tenant="acme") == ["c", "b", "a"]
    assert ids(board) == ["a", "c", "b"]


@pytest.mark.parametrize("meant", [{}, {"tenant": "acme"}, {"kind": "test.echo"}, {"state": JobState.QUEUED}])
def test_pages_hold_each_job_once_also_those_of_one_moment(board: Board, meant: dict[str, Any]) -> None:
    board.submit_many(7)
    board.clock.advance(1)
    board.submit_many(3)
    found, cursor = list[str](), None
    for _ in range(4):
        part = page(board, after=cursor, limit=3, **meant)
        found, cursor = [*found, *part], part.cursor
    assert cursor is None
    assert sorted(found) == sorted(f"job-{number}" for number in range(1, 11))
    assert set(found[:3]) == {"job-8", "job-9", "job-10"}


def test_a_page_goes_on_where_it_was_though_the_last_of_it_is_gone(board: Board) -> None:
    board.submit_many(9)
    first = page(board, limit=4, state=JobState.QUEUED)
    for job_id in first:
        board.cancel(job_id)
    rest = page(board, limit=9, after=first.cursor, state=JobState.QUEUED)
    assert sorted([*first, *rest]) == sorted(f"job-{number}" for number in range(1, 10))


def test_a_call_looks_at_so_many_and_tells_how_to_go_on(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 4)
    board.submit("rare", kind="test.rare")
    board.clock.advance(1)
    board.submit_many(9)
    first = page(board, tenant="acme", kind="test.rare")
    assert ([*first], first.looked_at, first.of, first.complete) == ([], 4, 10, False)
    second = page(board, tenant="acme", kind="test.rare", after=first.cursor)
    third = page(board, tenant="acme", kind="test.rare", after=second.cursor)
    assert ([*second, *third], third.complete, third.cursor) == (["rare"], True, None)


def test_the_smallest_index_is_looked_through(board: Board) -> None:
    board.submit_many(20)
    board.submit("rare", kind="test.rare")
    found = page(board, state=JobState.QUEUED, tenant="acme", kind="test.rare")
    assert ([*found], found.looked_at, found.of) == (["rare"], 1, 1)


def test_a_full_page_is_complete_and_goes_on(board: Board) -> None:
    board.submit_many(5)
    found = page(board, limit=2)
    assert (len(found), found.complete, found.looked_at, found.cursor is None) == (2, True, 2, False)


def test_those_that_failed_since_are_found_and_those_that_were_replayed_left_out(board: Board, clock: Clock) -> None:
    for job_id in ("old", "replayed", "open"):
        fail(board, job_id, "broken")
        clock.advance(60)
    board.submit("again", origin="replayed")
    since = clock() - 150_000
    assert ids(board, state=JobState.FAILED, since_ms=since) == ["open", "replayed"]
    assert ids(board, state=JobState.FAILED, since_ms=since, replayed=False) == ["open"]


def test_a_row_is_a_record_without_what_was_given_and_what_came_of_it(board: Board) -> None:
    text = "Please  refund order 10003\nto ada@example.com, or call +44 20 7946 0958"
    fail(
        board, "a", "no_stock", request={"id": "c-1", "message": text, "more": "x" * 5000}, metadata=b'{"from":"test"}'
    )
    ((_, row),) = board.run(ListingCalls(board.settings, board.clock).rows(JobFilter(), read_cursor(None), 10))
    record = board.record("a")
    same = row.model_dump(exclude={"subject", "unreadable"})
    assert same == {name: value for name, value in record.model_dump().items() if name in same}
    assert row.subject == "Please refund order 10003 to [masked-email], or call [masked-number]"


def test_what_is_forgotten_is_in_no_index(board: Board, clock: Clock) -> None:
    board.succeed(board.start(board.submit("done")))
    fail(board, "failed", "no_stock")
    clock.advance(board.settings.retention_s + 1)
    assert board.run(board.transitions.prune()) == 2
    assert leaks(board.client, board.settings.prefix) == []
    names = ("jobs-of-kind", "jobs-of-tenant", "failed-with")
    assert not [key for key in board.client.keys(f"{board.settings.prefix}:*") if any(n in str(key) for n in names)]


def test_jobs_that_ended_before_there_were_indexes_come_into_them(board: Board) -> None:
    fail(board, "failed", "no_stock")
    board.succeed(board.start(board.submit("done")))
    board.cancel(board.submit("cancelled"))
    for names in (board.keys.jobs_of_kind("*", "*"), board.keys.jobs_of_tenant("*", "*"), board.keys.failed_with("*")):
        for key in board.client.scan_iter(names):
            board.client.delete(key)
    assert sum(board.run(board.transitions.relist()) for _ in JobState) == 3
    assert leaks(board.client, board.settings.prefix) == []
    assert ids(board, state=JobState.FAILED, code="no_stock") == ["failed"]
    assert sum(board.run(board.transitions.relist()) for _ in JobState) == 0


@pytest.mark.parametrize("end", [Board.succeed, Board.fail])
def test_a_job_whose_end_was_broken_off_amid_its_writes_is_forgotten_in_time(
    board: Board, clock: Clock, end: Callable[[Board, Claim], object]
) -> None:
    end(board, board.start(board.submit("done")))
    due = board.client.zscore(board.keys.forgetting, "done")
    board.client.delete(board.keys.forgetting)
    clock.advance(60)
    assert sum(board.run(board.transitions.relist()) for _ in JobState) == 1
    assert board.client.zscore(board.keys.forgetting, "done") == due


def test_what_is_listed_in_a_state_that_it_is_not_in_leaves_it(board: Board) -> None:
    board.succeed(board.start(board.submit("done")))
    for place in (board.keys.state("failed"), board.keys.jobs_of_kind("test.echo", "failed")):
        board.client.zadd(place, {"done": 1})
    assert sum(board.run(board.transitions.relist()) for _ in JobState) == 1
    assert leaks(board.client, board.settings.prefix) == []
