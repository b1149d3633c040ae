"""What jobs ask of people is listed by its deadline as long as it is asked, however the job goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic_core import to_json

from backdesk.worker.failure import Failure
from backdesk.worker.model.asks import OpenAsk
from backdesk.worker.model.page import Page, Place, read_cursor
from backdesk.worker.store.listing import ListingCalls
from tests.support.board import Board, Clock, end_of, outcome_of, question
from tests.support.upkeep import leaks


def page(
    board: Board,
    *,
    tenant: str = "",
    kind: str = "",
    within_ms: int | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[OpenAsk]:
    calls = ListingCalls(board.settings, board.clock)
    return board.run(calls.asks(tenant, kind, within_ms, read_cursor(after), limit))


def asked(board: Board, tenant: str = "") -> list[str]:
    return [f"{each.job_id} {each.ask.name}" for each in page(board, tenant=tenant)]


def test_the_most_urgent_comes_first_and_what_has_time_last(board: Board, clock: Clock) -> None:
    for name, within_s in (("whenever", None), ("soon", 60), ("later", 3600), ("whenever-too", None)):
        board.wait(board.start(board.submit(name)), question(within_s=within_s))
        clock.advance(1)
    assert asked(board) == ["soon sure", "later sure", "whenever sure", "whenever-too sure"]


def test_it_is_told_when_it_was_asked_and_until_when_it_is_to_be_answered(board: Board, clock: Clock) -> None:
    board.wait(board.start(board.submit("a", kind="test.sum")), question("one", within_s=60), question("two"))
    clock.advance(5)
    one, two = page(board)
    assert (one.job_id, one.tenant, one.kind, one.ask.prompt) == ("a", "acme", "test.sum", "Sure?")
    assert {each.asked_at.timestamp() * 1000 for each in (one, two)} == {clock() - 5000}
    assert one.ask.expires_at is not None
    assert one.ask.expires_at.timestamp() * 1000 == clock() + 55_000
    assert two.ask.expires_at is None


def test_a_tenant_sees_its_own(board: Board) -> None:
    for job_id, tenant in (("a", "acme"), ("b", "globex")):
        board.wait(board.start(board.submit(job_id, tenant=tenant)), question())
    assert (asked(board, "acme"), asked(board, "globex"), asked(board, "nobody")) == (["a sure"], ["b sure"], [])


def test_called_jobs_are_not_asked(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.call(claim, "child", "child")
    board.wait(claim, end_of("child"), question())
    assert asked(board) == ["a sure"]
    assert leaks(board.client, board.settings.prefix) == []


def answered(board: Board) -> None:
    board.answer("a", "sure")


def failed(board: Board) -> None:
    board.settle("a", "outcome:pay", to_json({}), Failure(code="step_failed", message="no"))


def late(board: Board) -> None:
    board.clock.advance(61)
    board.promote()


def lapsed(board: Board) -> None:
    board.clock.advance(3601)
    board.expire()


def cancelled(board: Board) -> None:
    board.cancel("a")


@pytest.mark.parametrize(
    ("go_on", "left"),
    [
        (answered, ["a again", "a outcome:pay"]),
        (failed, []),
        (late, ["a again", "a outcome:pay"]),
        (lapsed, []),
        (cancelled, []),
    ],
)
def test_what_is_answered_or_no_longer_asked_is_not_listed(
    board: Board, clock: Clock, go_on: Callable[[Board], None], left: list[str]
) -> None:
    claim = board.start(board.submit("a", expires_at_ms=clock() + 3_600_000))
    board.wait(claim, question(within_s=60), question("again"), outcome_of("pay"))
    go_on(board)
    assert asked(board) == asked(board, "acme") == left
    assert leaks(board.client, board.settings.prefix) == []


def test_a_job_that_is_asked_to_stop_while_it_asks_leaves_nothing(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.cancel("a")
    board.wait(claim, question())
    assert asked(board) == []
    assert leaks(board.client, board.settings.prefix) == []


def test_pages_follow_each_other_though_entries_come_and_go(board: Board) -> None:
    for number in range(6):
        board.wait(board.start(board.submit(f"job-{number}")), question())
    first = page(board, limit=2)
    assert [each.job_id for each in first] == ["job-0", "job-1"]
    board.answer("job-1", "sure")
    board.answer("job-3", "sure")
    second = page(board, limit=2, after=first.cursor)
    assert [each.job_id for each in second] == ["job-2", "job-4"]
    last = page(board, limit=2, after=second.cursor)
    assert ([each.job_id for each in last], last.cursor, last.complete) == (["job-5"], None, True)


def test_those_to_be_answered_within_a_time_are_found(board: Board, clock: Clock) -> None:
    for job_id, within_s in (("soon", 60), ("later", 3600), ("whenever", None)):
        board.wait(board.start(board.submit(job_id)), question(within_s=within_s))
    assert [each.job_id for each in page(board, within_ms=600_000)] == ["soon"]
    assert [*page(board, within_ms=0)] == []
    clock.advance(61)
    assert [each.job_id for each in page(board, within_ms=0)] == ["soon"]


def test_those_of_a_kind_are_looked_for_and_it_is_told_how_far(board: Board) -> None:
    for number in range(3):
        board.wait(board.start(board.submit(kind=f"test.k{number}")), question())
    found = page(board, kind="test.k1")
    assert [each.kind for each in found] == ["test.k1"]
    assert (found.looked_at, found.of, found.complete) == (3, 3, True)


def test_a_cursor_keeps_its_place() -> None:
    place = Place("101764430000000", "job-1 a name with spaces")
    assert read_cursor(place.cursor) == place
