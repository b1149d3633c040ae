"""A Redis that is full: new jobs are refused while there is a reserve, and what runs keeps its lease and ends."""

from __future__ import annotations

import pytest
import redis

from backdesk.worker.errors import StoreFull
from backdesk.worker.failure import Failure
from backdesk.worker.model.job import Claim, HandedOver, Outcome, Retried, Succeeded
from backdesk.worker.services.maintenance import Maintenance
from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import SubmitCode
from backdesk.worker.store.refusal import refusal
from backdesk.worker.submit.admission import check_taken
from tests.support.board import Board, question

KIB = 1024


def limit_memory(board: Board, more: int) -> int:
    """Leave Redis so many bytes more than it uses now."""
    most = int(board.client.info("memory")["used_memory"]) + more
    board.client.config_set("maxmemory", most)
    return most


def fill(board: Board, tenant: str = "flood") -> SubmitCode | str:
    """Submit until it is refused, and return how."""
    for _ in range(10_000):
        try:
            job = board.job(tenant=tenant, request={"text": "x" * 8 * KIB})
            ((code, _),) = board.run(board.transitions.submit([job]))
        except redis.ResponseError as error:
            return refusal(error) or str(error)
        if code is not SubmitCode.CREATED:
            return code
    raise AssertionError("it was never refused")


def ballast(board: Board, till: int) -> None:
    """Use memory until so many bytes are used, or none can be had, as whoever else uses the server may."""
    number = 0
    while int(board.client.info("memory")["used_memory"]) < till:
        try:
            board.client.set(f"ballast:{number}", "x" * 32 * KIB)
        except redis.ResponseError:
            return
        number += 1


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    """By the clock of Redis, as the leader."""
    return Board(client, settings.model_copy(update={"lease_s": 30.0}))


@pytest.fixture
def running(board: Board) -> list[Claim]:
    return [board.start(board.submit(f"running-{n}")) for n in range(6)]


def test_one_tenant_cannot_fill_it_beyond_the_reserve(board: Board, client: redis.Redis, running: list[Claim]) -> None:
    keeper = Maintenance("worker-1", client, board.settings)
    keeper.tick()  # its scripts take room too
    most = limit_memory(board, 8 * KIB * KIB)
    ballast(board, round(most * 0.8))
    keeper.tick()
    assert not board.client.exists(board.keys.full)
    ballast(board, round(most * 0.91))
    keeper.tick()

    assert fill(board) is SubmitCode.STORE_FULL
    assert int(board.client.info("memory")["used_memory"]) < most
    for claim in running:
        assert board.run(board.transitions.renew([(claim.job_id, claim.fence)])) == [0]
        assert board.succeed(claim)
    board.client.delete(*board.client.keys("ballast:*"))
    keeper.tick()
    board.submit("again")


def test_the_refusal_says_what_is_used_and_what_to_do(board: Board) -> None:
    with pytest.raises(StoreFull, match="it uses 95 bytes, and over 90 the rest is kept") as error:
        check_taken(board.job("a"), SubmitCode.STORE_FULL, "95 90")
    assert (error.value.used, error.value.limit) == (95, 90)


def test_of_a_redis_without_any_room_ends_renewals_and_the_office_go_through(
    board: Board, client: redis.Redis, running: list[Claim]
) -> None:
    ballast(board, 2 * limit_memory(board, 256 * KIB))
    assert fill(board) == "OOM"
    broken = Failure(code="network", message="away")
    ends: list[Outcome] = [
        Succeeded(b'"done"'),
        Succeeded(b'"done"', degraded=broken),
        Retried(broken, 60.0),
        HandedOver(),
    ]
    for claim, end in zip(running, ends, strict=False):
        assert board.run(board.transitions.renew([(claim.job_id, claim.fence)])) == [0]
        assert board.finish(claim, end)
    assert board.wait(running[4], question())
    assert board.cancel("running-5")[0]
    keeper = Maintenance("worker-1", client, board.settings)
    keeper.tick()
    assert keeper.leads
    states = [board.state(claim.job_id) for claim in running]
    assert states == ["succeeded", "succeeded", "scheduled", "queued", "waiting", "running"]
