"""How long an idempotency key finds its job: as long as the job is kept, for a time, or while the job goes on."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from backdesk.worker.store.jobs import SubmitCode
from tests.support.board import Board, Clock


def submit_one(board: Board, job_id: str, **fields: Any) -> tuple[SubmitCode, str]:
    ((code, found),) = board.run(board.transitions.submit([board.job(job_id, **fields)]))
    return code, found


def test_a_key_with_a_time_finds_its_job_until_that_is_over(board: Board, client: redis.Redis) -> None:
    board.submit("a", idempotency_key="k", idempotency_ttl_ms=60_000)
    assert submit_one(board, "b", idempotency_key="k") == (SubmitCode.EXISTING, "a")
    assert 0 < client.pttl(board.keys.idempotency("acme", "k")) <= 60_000
    client.delete(board.keys.idempotency("acme", "k"))  # as when the time is over
    assert submit_one(board, "b", idempotency_key="k") == (SubmitCode.CREATED, "b")


def test_the_end_of_a_job_does_not_prolong_a_key_with_a_time(board: Board, client: redis.Redis) -> None:
    board.submit("a", idempotency_key="k", idempotency_ttl_ms=60_000)
    board.run_next()
    assert 0 < client.pttl(board.keys.idempotency("acme", "k")) <= 60_000


@pytest.mark.parametrize("end", ["succeed", "fail", "cancel"])
def test_a_key_that_lasts_while_the_job_goes_on_is_free_when_it_has_ended(board: Board, end: str) -> None:
    board.submit("a", idempotency_key="k", idempotency_while_active=True)
    assert submit_one(board, "b", idempotency_key="k") == (SubmitCode.EXISTING, "a")
    if end == "cancel":
        board.cancel("a")
    else:
        claim = board.start("a")
        assert board.succeed(claim) if end == "succeed" else board.fail(claim)
    assert submit_one(board, "b", idempotency_key="k") == (SubmitCode.CREATED, "b")


def test_a_key_that_lasts_while_the_job_goes_on_lasts_through_its_waits(board: Board) -> None:
    board.submit("a", idempotency_key="k", idempotency_while_active=True)
    board.retry(board.start("a"), 5)
    assert submit_one(board, "b", idempotency_key="k") == (SubmitCode.EXISTING, "a")


@pytest.mark.parametrize("lasting", [{"idempotency_ttl_ms": 60_000}, {"idempotency_while_active": True}, {}])
def test_a_key_that_another_job_has_taken_survives_the_end_and_the_pruning_of_the_first(
    board: Board, clock: Clock, client: redis.Redis, lasting: dict[str, Any]
) -> None:
    key = board.keys.idempotency("acme", "k")
    board.submit("a", idempotency_key="k", **lasting)
    claim = board.start("a")
    client.delete(key)  # as when its time is over
    board.submit("b", idempotency_key="k")
    board.succeed(claim)
    clock.advance(board.settings.retention_s + 1)
    assert board.run(board.transitions.prune()) == 1
    assert client.get(key) == b"b"
    assert client.ttl(key) == -1


@pytest.mark.parametrize("forgotten_by", ["prune", "drop"])
def test_a_key_with_a_time_outlives_its_job_and_keeps_another_from_being_made(
    board: Board, clock: Clock, client: redis.Redis, forgotten_by: str
) -> None:
    board.submit("a", idempotency_key="k", idempotency_ttl_ms=60_000)
    board.fail(board.start("a"))
    clock.advance(board.settings.retention_s + 1)
    transitions = board.transitions
    assert board.run(transitions.prune() if forgotten_by == "prune" else transitions.drop(["a"])) == 1
    assert client.exists(board.keys.job("a")) == 0
    assert submit_one(board, "b", idempotency_key="k") == (SubmitCode.FORGOTTEN, "a")
    assert client.exists(board.keys.job("b")) == 0
    client.delete(board.keys.idempotency("acme", "k"))  # as when its time is over
    assert submit_one(board, "b", idempotency_key="k") == (SubmitCode.CREATED, "b")


@pytest.mark.parametrize("lasting", [{"idempotency_while_active": True}, {}])
def test_a_key_without_a_time_goes_with_its_job(board: Board, clock: Clock, lasting: dict[str, Any]) -> None:
    board.submit("a", idempotency_key="k", **lasting)
    board.run_next()
    clock.advance(board.settings.retention_s + 1)
    board.run(board.transitions.prune())
    assert submit_one(board, "b", idempotency_key="k") == (SubmitCode.CREATED, "b")


def test_tenants_have_their_own_keys(board: Board) -> None:
    board.submit("a", idempotency_key="k", idempotency_while_active=True)
    assert submit_one(board, "b", tenant="globex", idempotency_key="k") == (SubmitCode.CREATED, "b")
