"""What a transition costs does not depend on how much waits."""

from __future__ import annotations

import pytest
import redis

from backdesk.worker.settings import Settings
from tests.support.board import Board

ROUNDS, AT_ONCE = 60, 8
#: Of the fewest µs that a call took with few jobs. The fewest, because other work on the machine only adds.
ALLOWED = 1.3
FEW, MANY, TENANTS = 1000, 100_000, 1000


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    board = Board(client, settings)
    board.announce(ttl_s=3600, agents=AT_ONCE)
    return board


def spent_us(client: redis.Redis) -> float:
    """The mean time of a script since it was asked last."""
    spent = float(client.info("commandstats")["cmdstat_evalsha"]["usec_per_call"])
    client.config_resetstat()
    return spent


def fill(board: Board, count: int) -> None:
    for start in range(0, count, 500):
        jobs = [board.job(tenant=f"t-{number % TENANTS}") for number in range(start, start + 500)]
        board.run(board.transitions.submit(jobs))


def fewest_us(board: Board, client: redis.Redis) -> dict[str, float]:
    spent: dict[str, list[float]] = {"submit": [], "claim": [], "finish": []}
    for number in range(ROUNDS):
        client.config_resetstat()
        for tenant in range(AT_ONCE):
            board.submit(tenant=f"t-{number * 7 + tenant}")
        spent["submit"].append(spent_us(client))
        claims = [board.start(job_id) for _ in range(AT_ONCE) if (job_id := board.take_delivery())]
        spent["claim"].append(spent_us(client))
        for claim in claims:
            board.succeed(claim)
        spent["finish"].append(spent_us(client))
    return {name: min(times) for name, times in spent.items()}


@pytest.mark.soak
def test_a_hundred_thousand_jobs_of_a_thousand_tenants_cost_hardly_more_each_than_a_thousand(
    board: Board, client: redis.Redis
) -> None:
    fill(board, FEW)
    few = fewest_us(board, client)
    before = client.info("memory")["used_memory"]
    fill(board, MANY)
    assert (client.info("memory")["used_memory"] - before) / MANY <= 2048
    many = fewest_us(board, client)
    assert sum(many.values()) <= ALLOWED * sum(few.values()), f"{few} -> {many}"
    client.flushall()
