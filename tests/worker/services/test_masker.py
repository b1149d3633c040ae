"""What jobs were given is kept masked once they are over, and nothing can do them again."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from pydantic_core import to_json

from backdesk.worker.failure import Failure
from backdesk.worker.model.job import Cancelled, Claim, Expired, JobState
from backdesk.worker.services.masker import JOBS_A_ROUND, Masker
from backdesk.worker.settings import Settings
from backdesk.worker.store.upkeep import Masked
from tests.support.board import Board, Clock
from tests.support.confidences import KEPT, TOLD, found_in
from tests.support.packing import pack
from tests.support.raw import everything
from tests.support.workers import fast_settings

REQUEST = {"text": TOLD, "customer_id": "cust-1"}
WHY = Failure(code="over", message="it is over")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return fast_settings(settings.url, mask_requests=True)


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    return Board(client, settings, Clock())


@pytest.fixture
def masker(board: Board) -> Masker:
    return Masker(board.client, board.settings, lambda: True)


def begun(board: Board, job_id: str, **fields: Any) -> Claim:
    """Begin a job that remembers what it was told."""
    claim = board.start(board.submit(job_id, request=REQUEST, **fields))
    board.run(board.transitions.remember(claim, "step:read", to_json({"state": "done", "value": TOLD})))
    board.run(board.transitions.checkpoint(claim, to_json(TOLD)))
    board.emit(claim, "note", data={"text": TOLD})
    return claim


def kept(board: Board) -> list[str]:
    pack(board)
    return found_in(everything(board.client, board.settings.prefix))


def test_the_script_that_ends_a_success_masks_it_and_has_its_log_masked(board: Board) -> None:
    def commands(job_id: str, request: object) -> int:
        claim = board.start(board.submit(job_id, request=request))
        board.client.config_resetstat()
        board.succeed(claim)
        stats: dict[str, Any] = board.client.info("commandstats")
        return sum(stat["calls"] for name, stat in stats.items() if name != "cmdstat_config|resetstat")

    commands("first", {})  # which loads scripts
    assert commands("told", REQUEST) == commands("plain", {"text": "hello"}) + 1
    record = board.record("told")
    assert (record.request, record.masked) == ({"text": KEPT, "customer_id": "cust-1"}, True)
    assert not board.record("plain").masked
    assert kept(board) == []


def test_without_the_setting_all_is_kept_as_it_was_given(client: redis.Redis, settings: Settings) -> None:
    board = Board(client, settings.model_copy(update={"mask_requests": False}), Clock())
    board.succeed(begun(board, "told"))
    assert (board.record("told").request, board.record("told").masked) == (REQUEST, False)


@pytest.mark.parametrize("outcome", [Cancelled(WHY), Expired(WHY)])
def test_what_ends_otherwise_is_masked_a_tick_later_with_all_that_would_help_to_do_it_again(
    board: Board, masker: Masker, outcome: Cancelled | Expired
) -> None:
    board.finish(begun(board, "told"), outcome)
    masker.tick()
    assert (board.record("told").request, board.ledger("told")) == ({"text": KEPT, "customer_id": "cust-1"}, {})
    assert kept(board) == []


def test_what_never_ran_is_masked_too_with_the_message_of_a_plain_celery_client(board: Board, masker: Masker) -> None:
    board.submit("told", request=REQUEST, delivery=to_json({"body": TOLD}))
    board.cancel("told")
    board.client.delete(*board.client.keys(f"{board.settings.prefix}.*"))  # the message goes when a worker takes it
    masker.tick()
    assert (board.record("told").masked, kept(board)) == (True, [])


def test_a_message_that_steered_a_job_is_masked_in_both(board: Board, masker: Masker) -> None:
    board.submit("first", conversation="talk")
    claim = board.start("first")
    second = board.job("second", conversation="talk", when_busy="steer", request=REQUEST)
    board.run(board.transitions.submit([second]))
    board.run(board.transitions.steer(claim, ["second"]))
    board.succeed(claim)
    masker.tick()
    assert [message.request for message in board.record("first").messages] == [{"text": KEPT, "customer_id": "cust-1"}]
    assert board.record("second").state is JobState.STEERED
    assert kept(board) == []


def test_a_job_that_failed_keeps_all_that_it_takes_to_do_it_again(board: Board, masker: Masker) -> None:
    board.fail(begun(board, "told"))
    masker.tick()
    record = board.record("told")
    assert (record.request, record.masked, [*board.ledger("told")]) == (REQUEST, False, ["step:read"])


def test_what_had_ended_before_is_masked_by_whoever_is_elected(board: Board, client: redis.Redis) -> None:
    careless = Board(client, board.settings.model_copy(update={"mask_requests": False}), board.clock)
    for number in range(JOBS_A_ROUND + 5):  # all in one moment
        careless.succeed(begun(careless, f"told-{number}"))
    Masker(client, board.settings, lambda: True).tick()
    assert kept(board) == []


def test_a_round_that_breaks_off_is_done_again(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    masker = Masker(board.client, board.settings, lambda: True)
    board.finish(begun(board, "told"), Cancelled(WHY))
    masker.tick()  # has come so far
    board.client.hset(board.keys.job("told"), mapping={"request": to_json(REQUEST)})  # as where a failover loses it
    with monkeypatch.context() as broken:
        broken.setattr(masker, "_round", _away)
        with pytest.raises(ConnectionError):
            masker.tick()
    masker.tick()
    assert kept(board) == []


def _away(*_: object) -> int:
    raise ConnectionError


def test_a_job_that_has_come_again_under_its_id_is_left_as_it_is(board: Board) -> None:
    board.finish(begun(board, "told"), Cancelled(WHY))
    stale = Masked("told", "1", b'{"text":"old"}', b"")
    assert board.run(board.transitions.mask([stale])) == 0
    assert board.record("told").request == REQUEST
