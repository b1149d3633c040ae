"""What a job may remember: so many entries, so many bytes; and how an attempt reads them without holding up Redis."""

from __future__ import annotations

import pytest
import redis
from pydantic_core import to_json

from backdesk.worker.errors import TaskError
from backdesk.worker.model.job import Claim
from backdesk.worker.settings import Settings
from tests.support.board import Board, Clock, end_of, question

ENTRY = b'{"state":"done","value":"%s"}'


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_ledger_entries": 5, "max_ledger_bytes": 2000})


def remember(board: Board, claim: Claim, key: str, size: int = 10) -> bool | TaskError:
    return board.run(board.transitions.remember(claim, f"step:{key}", ENTRY % (b"x" * size)))


def counted(board: Board, job_id: str) -> int:
    return int(board.client.hget(board.keys.job(job_id), "ledger_bytes") or 0)


def held(board: Board, job_id: str) -> int:
    return sum(map(len, board.client.hvals(board.keys.ledger(job_id))))


def test_one_entry_too_many_is_refused_with_the_limits_and_the_way_out(board: Board) -> None:
    claim = board.start(board.submit("a"))
    assert [remember(board, claim, str(number)) for number in range(5)] == [True] * 5
    refused = remember(board, claim, "sixth")
    assert isinstance(refused, TaskError)
    assert (refused.code, refused.transient) == ("ledger_full", False)
    for said in ("'step:sixth'", "5 entries", "BACKDESK_MAX_LEDGER_ENTRIES", "BACKDESK_MAX_LEDGER_BYTES", "child jobs"):
        assert said in str(refused)
    assert len(board.ledger("a")) == 5


def test_one_byte_too_many_is_refused(board: Board) -> None:
    claim = board.start(board.submit("a"))
    room = 2000 - len(ENTRY % b"")
    assert isinstance(remember(board, claim, "large", room + 1), TaskError)
    assert remember(board, claim, "fits", room) is True
    assert isinstance(remember(board, claim, "one more", 0), TaskError)


def test_an_entry_in_the_place_of_another_always_has_room(board: Board) -> None:
    claim = board.start(board.submit("a"))
    for number in range(5):
        remember(board, claim, str(number))
    assert remember(board, claim, "0", 4000) is True
    assert counted(board, "a") == held(board, "a")


def test_what_is_taken_out_makes_room(board: Board) -> None:
    claim = board.start(board.submit("a"))
    for number in range(5):
        remember(board, claim, str(number))
    board.run(board.transitions.remember(claim, "step:0", b""))
    board.run(board.transitions.remember(claim, "step:0", b""))
    assert counted(board, "a") == held(board, "a")
    assert remember(board, claim, "another") is True


def test_answers_and_ends_of_children_are_counted_and_never_refused(board: Board) -> None:
    claim = board.start(board.submit("a"))
    for number in range(5):
        remember(board, claim, str(number))
    _, called = board.call(claim, "one")
    board.wait(claim, question("sure"), end_of("one"))
    board.answer("a", "sure", "x" * 3000)
    board.succeed(board.start(called))
    assert board.state("a") == "queued"
    assert len(board.ledger("a")) == 7
    assert counted(board, "a") == held(board, "a")


def test_a_replay_that_resumes_counts_what_it_takes_over(board: Board) -> None:
    claim = board.start(board.submit("a"))
    remember(board, claim, "one", 100)
    board.fail(claim)
    board.submit("b", origin="a", resumes=1)
    assert counted(board, "b") == held(board, "b") > 100


def test_a_rewind_counts_what_it_takes_over_and_the_results_it_is_given(board: Board) -> None:
    claim = board.start(board.submit("a"))
    for key in ("kept", "edited", "left out"):
        remember(board, claim, key, 100)
    board.fail(claim)
    given = {"step:edited": (ENTRY % (b"y" * 50)).decode(), "step:given": (ENTRY % b"z").decode()}
    board.submit("b", origin="a", resumes=to_json({"without": ["step:left out"], "with": given}).decode())
    assert board.ledger("b").keys() == {"step:kept", "step:edited", "step:given"}
    assert counted(board, "b") == held(board, "b") > 150


def test_a_ledger_that_is_large_is_read_by_pages(client: redis.Redis, settings: Settings, clock: Clock) -> None:
    roomy = Board(client, settings.model_copy(update={"max_ledger_bytes": 10**8, "max_ledger_entries": 100}), clock)
    claim = roomy.start(roomy.submit("a"))
    for number in range(40):
        remember(roomy, claim, str(number), 20_000)
    roomy.lose("a")
    again = roomy.start("a")
    assert (again.pages, again.ledger) == (True, {})
    found: dict[str, bytes] = {}
    sizes, cursor = [], "0"
    while True:
        page = roomy.run(roomy.transitions.page(again, cursor))
        assert page is not None
        cursor, entries = page
        sizes.append(sum(map(len, entries.values())))
        found |= entries
        if cursor == "0":
            break
    assert found.keys() == {f"step:{number}" for number in range(40)}
    assert len(sizes) > 1
    assert max(sizes) < 800_000
    assert roomy.run(roomy.transitions.page(claim, "0")) is None
