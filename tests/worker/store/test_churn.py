"""However many jobs and tenants have come and gone, Redis holds no more than before."""

from __future__ import annotations

import pytest
import redis
from pydantic_core import to_json

from backdesk.worker.model.job import Refused
from backdesk.worker.store.calls import text
from backdesk.worker.store.jobs import NewJob
from tests.support.board import Board, Clock
from tests.support.eventually import eventually

AT_ONCE = 200
#: Fields of `ends` beyond which they are sorted: as in `ends.lua`.
MOST_UNSORTED = 128


def churn(board: Board, jobs: int, tenants: int) -> None:
    """Let jobs of many tenants come and go, some with keys, conversations and ledgers; some fail or are cancelled."""
    for start in range(0, jobs, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, jobs))
        board.run(board.transitions.submit([_job(board, number, tenants) for number in numbers]))
        for number in numbers[::17]:
            board.cancel(f"churned-{number}")
        while job_id := board.take_delivery():
            _end(board, job_id)


def _job(board: Board, number: int, tenants: int) -> NewJob:
    key = f"key-{number}" if number % 7 == 0 else None
    conversation = f"talk-{number}" if number % 9 == 0 else None
    tenant = f"tenant-{number % tenants}"
    return board.job(f"churned-{number}", tenant=tenant, idempotency_key=key, conversation=conversation)


def _end(board: Board, job_id: str) -> None:
    claim = board.claim(job_id)
    if isinstance(claim, Refused):
        return  # it was cancelled before
    number = int(job_id.rpartition("-")[2])
    if number % 5 == 0:
        board.run(board.transitions.remember(claim, "step:one", b'{"state":"done","value":1}', to_json({"key": "one"})))
        board.run(board.transitions.checkpoint(claim, b'"page 7"'))
    if number % 10 == 0:
        board.fail(claim)
    else:
        board.succeed(claim)


def forget_all(board: Board, clock: Clock) -> None:
    """Let the retention pass, for the keys that expire by the clock of Redis too."""
    clock.advance(board.settings.retention_s)
    while board.run(board.transitions.prune()):
        pass
    for key in board.client.scan_iter("*", count=1000):
        if board.client.ttl(key) != -1:
            board.client.delete(key)


def lasting(client: redis.Redis) -> dict[str, int]:
    """What is there without an end, with how much is in it."""
    sizes = {"string": client.strlen, "hash": client.hlen, "zset": client.zcard, "set": client.scard}
    return {text(key): int(sizes[text(client.type(key))](key)) for key in client.scan_iter("*")}


@pytest.mark.parametrize(("jobs", "tenants"), [(1000, 100), pytest.param(200_000, 20_000, marks=pytest.mark.soak)])
def test_memory_and_keys_come_back_to_where_they_were(
    board: Board, client: redis.Redis, clock: Clock, jobs: int, tenants: int
) -> None:
    board.announce(ttl_s=10**7, agents=AT_ONCE)
    churn(board, 20, 2)
    forget_all(board, clock)
    kept, used = lasting(client), int(client.info("memory")["used_memory"])
    churn(board, jobs, tenants)
    assert client.zcard(board.keys.forgetting) == jobs
    assert client.info("memory")["used_memory"] > used + 500 * jobs
    forget_all(board, clock)
    now_kept = lasting(client)
    now_kept[board.keys.arrivals] = kept[board.keys.arrivals]
    now_kept[board.keys.virtual_time("agents")] = kept[board.keys.virtual_time("agents")]
    for counted, most in ((board.keys.ends, MOST_UNSORTED), (board.keys.totals, 1)):  # bounded by kinds, not by jobs
        assert now_kept.pop(counted, 0) <= most
        kept.pop(counted, 0)
    assert now_kept == kept
    # Redis gives back what its tables have grown by a little at a time.
    eventually(lambda: int(client.info("memory")["used_memory"]) < used + 100_000 + 5 * jobs)
