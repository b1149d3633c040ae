"""What must outlive the server: confirmed when it is on disk and at a replica, and by nothing less."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
import redis
from redis.exceptions import ResponseError

from backdesk.worker.model.job import Claim
from backdesk.worker.settings import Settings
from backdesk.worker.store.attempts import Kept
from backdesk.worker.store.connection import connect
from backdesk.worker.store.durability import Durability
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.faults import frozen, replica_of
from tests.support.forgetful import ForgetfulRedis
from tests.support.workers import fast_settings

ENTRY = b'{"state":"started"}'


@pytest.fixture
def board(settings: Settings, client: redis.Redis) -> Board:
    return Board(client, settings)


@pytest.fixture
def durability(settings: Settings) -> Iterator[Durability]:
    durability = Durability(settings.url, 0.3, 2)
    yield durability
    durability.close()


def announced(board: Board, job_id: str | None = None) -> Claim:
    claim = board.start(board.submit(job_id))
    assert board.run(board.transitions.remember(claim, "step:pay", ENTRY))
    return claim


def confirmed(durability: Durability, board: Board, claim: Claim) -> Future[Kept]:
    return durability.confirm(board.transitions.secure(claim, "step:pay", ENTRY))


def knows_waitaof(client: redis.Redis) -> bool:
    try:
        client.execute_command("WAITAOF", 0, 0, 0)
    except ResponseError:
        return False
    return True


def test_with_nothing_to_wait_for_a_write_is_taken_for_kept(durability: Durability, board: Board) -> None:
    assert confirmed(durability, board, announced(board)).result(PATIENCE_S) is Kept.YES


def test_a_write_that_is_gone_is_not_kept_and_does_not_come_back(durability: Durability, board: Board) -> None:
    claim = announced(board)
    board.client.delete(board.keys.ledger(claim.job_id))
    assert confirmed(durability, board, claim).result(PATIENCE_S) is Kept.UNKNOWN
    assert board.ledger(claim.job_id) == {}


def test_an_attempt_that_has_lost_its_fence_is_told_so(durability: Durability, board: Board) -> None:
    claim = announced(board)
    board.client.zadd(board.keys.leases, {claim.job_id: 0})
    board.reap()
    assert confirmed(durability, board, claim).result(PATIENCE_S) is Kept.LOST


def test_a_replica_that_does_not_answer_leaves_a_write_unknown_and_one_that_does_keeps_it(
    durability: Durability, board: Board, settings: Settings
) -> None:
    claim = announced(board)
    with replica_of(settings.url) as server, connect(server.url) as replica:
        eventually(
            lambda: confirmed(durability, board, claim).result(PATIENCE_S) is Kept.YES, what="the word of the replica"
        )
        assert replica.hget(board.keys.ledger(claim.job_id), "step:pay") == ENTRY
        with frozen(server):
            assert confirmed(durability, board, claim).result(PATIENCE_S) is Kept.UNKNOWN


def test_a_write_that_the_server_has_not_brought_to_its_disk_is_unknown_until_it_has(tmp_path: Path) -> None:
    with ForgetfulRedis(tmp_path, fsync="no") as server, connect(server.url) as client:
        if not knows_waitaof(client):
            pytest.skip("this server cannot wait for its disk")
        board, durability = Board(client, fast_settings(server.url)), Durability(server.url, 1.5, 2)
        claim = announced(board)
        assert confirmed(durability, board, claim).result(PATIENCE_S) is Kept.UNKNOWN
        client.config_set("appendfsync", "everysec")
        eventually(
            lambda: confirmed(durability, board, claim).result(PATIENCE_S) is Kept.YES, what="the word of the disk"
        )
        durability.close()


def test_while_the_server_is_away_it_is_asked_again_and_what_it_has_lost_meanwhile_is_unknown(tmp_path: Path) -> None:
    with ForgetfulRedis(tmp_path) as server, connect(server.url) as client:
        board, durability = Board(client, fast_settings(server.url)), Durability(server.url, 5, 5)
        claim = board.start(board.submit("a"))
        server.keep()
        assert board.run(board.transitions.remember(claim, "step:pay", ENTRY))
        with server.away():
            answer = confirmed(durability, board, claim)
        assert answer.result(PATIENCE_S) is Kept.UNKNOWN
        durability.close()


def test_those_that_come_together_share_one_wait(durability: Durability, board: Board) -> None:
    claims = [announced(board) for _ in range(20)]
    confirmed(durability, board, claims[0]).result(PATIENCE_S)
    before = waits(board.client)
    for answer in [confirmed(durability, board, claim) for claim in claims]:
        assert answer.result(PATIENCE_S) is Kept.YES
    assert waits(board.client) - before <= 5


def waits(client: redis.Redis) -> int:
    return int(client.info("commandstats")["cmdstat_info"]["calls"])


def test_a_process_that_confirms_nothing_has_no_connection_for_it(settings: Settings, client: redis.Redis) -> None:
    before = len(client.client_list())
    durability = Durability(settings.url, 1, 1)
    assert len(client.client_list()) == before
    durability.close()
    durability.close()
