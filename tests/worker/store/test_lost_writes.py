"""A store that has lost its newest writes: who holds a claim that it has forgotten can write nothing any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backdesk.worker.failure import Failure
from backdesk.worker.memory.calls import MemoryCalls, NewTurn
from backdesk.worker.model.budget import Amount, Estimate
from backdesk.worker.model.job import Claim, Deferred, HandedOver, Outcome, Retried, Succeeded, Waiting
from backdesk.worker.store.connection import connect
from backdesk.worker.store.jobs import SubmitCode
from backdesk.worker.store.spending import Granted, Lost
from tests.support.board import Board, question
from tests.support.forgetful import ForgetfulRedis
from tests.support.outside import MODEL, Outside
from tests.support.workers import fast_settings


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[ForgetfulRedis]:
    with ForgetfulRedis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def board(forgetful: ForgetfulRedis) -> Iterator[Board]:
    with connect(forgetful.url) as client:
        yield Board(client, fast_settings(forgetful.url))


@pytest.fixture
def claims(board: Board, forgetful: ForgetfulRedis) -> tuple[Claim, Claim]:
    """A claim that the store has forgotten, and the one that was made after it. Both are the first attempt."""
    board.submit("a")
    forgetful.keep()
    forgotten = board.start("a", "worker-1")
    forgetful.lose()
    known = board.start("a", "worker-2")
    assert forgotten.attempt == known.attempt == 1
    return forgotten, known


def renewed(board: Board, claim: Claim) -> bool:
    return board.run(board.transitions.renew([(claim.job_id, claim.fence)])) != [None]


def emitted(board: Board, claim: Claim) -> bool:
    return board.emit(claim, "note") is not None


def remembered(board: Board, claim: Claim) -> bool:
    return board.run(board.transitions.remember(claim, "step:x", b'{"state":"done","value":1}')) is True


def checkpointed(board: Board, claim: Claim) -> bool:
    return bool(board.run(board.transitions.checkpoint(claim, b"1")))


def spent(board: Board, claim: Claim) -> bool:
    answer = board.run(board.spending.spend(claim, 1, Estimate(Amount(tokens=1))))
    assert isinstance(answer, Granted | Lost)
    return isinstance(answer, Granted)


def called(board: Board, claim: Claim) -> bool:
    return board.call(claim, "child")[0] is SubmitCode.CREATED


def recalled(board: Board, claim: Claim) -> bool:
    return not isinstance(board.run(MemoryCalls(board.settings).recall(claim, "talk", None, None)), Exception)


def said(board: Board, claim: Claim) -> bool:
    turn = NewTurn("talk", None, b'{"job_id":"a","asked":false,"facts":{},"messages":[]}', 0, False)
    return board.run(MemoryCalls(board.settings).turn(claim, turn)) == 1


def ended(outcome: Callable[[], Outcome]) -> Callable[[Board, Claim], bool]:
    return lambda board, claim: board.finish(claim, outcome())


WHY = Failure(code="broken", message="it broke", transient=True)
WRITES: dict[str, Callable[[Board, Claim], bool]] = {
    "renew": renewed,
    "emit": emitted,
    "remember": remembered,
    "checkpoint": checkpointed,
    "spend": spent,
    "submit of a child": called,
    "recall": recalled,
    "turn": said,
    "finish": ended(lambda: Succeeded(b"1")),
    "retry": ended(lambda: Retried(WHY, 1)),
    "defer": ended(lambda: Deferred(WHY, 1)),
    "hand over": ended(HandedOver),
    "wait": ended(lambda: Waiting((question(),))),
}


def test_every_write_of_a_forgotten_claim_is_refused_and_of_the_known_one_is_taken(
    board: Board, claims: tuple[Claim, Claim]
) -> None:
    forgotten, known = claims
    before = everything(board)
    assert {name: write(board, forgotten) for name, write in WRITES.items()} == dict.fromkeys(WRITES, False)
    assert everything(board) == before
    accepted = [write(board, known) for write in [*WRITES.values()][:9]]  # the last of these ends the job
    assert accepted == [True] * 9


def everything(board: Board) -> dict[str, Any]:
    return {
        "record": board.client.hgetall(board.keys.job("a")),
        "events": board.log("a"),
        "keys": sorted(board.client.keys("*")),
        "lease": board.client.zscore(board.keys.leases, "a"),
    }


def test_a_seat_at_a_service_that_a_forgotten_claim_takes_is_free_for_the_known_one(
    board: Board, claims: tuple[Claim, Claim]
) -> None:
    outside = Outside(board)
    outside.limit("openai/gpt-4o", concurrent=1)
    forgotten, known = claims
    outside.granted(outside.call(forgotten))
    outside.granted(outside.call(known))
    assert board.client.zcard(board.keys.calls(MODEL.bucket)) == 1


def test_the_job_of_a_claim_that_nobody_made_again_is_not_ended_by_it(board: Board, forgetful: ForgetfulRedis) -> None:
    board.submit("a")
    forgetful.keep()
    forgotten = board.start("a")
    forgetful.lose()
    assert not board.succeed(forgotten)
    assert board.state("a") == "queued"
    assert board.succeed(board.start("a"))
