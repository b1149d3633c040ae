"""Claims by workers of several versions of a kind: who goes on with a job, who leaves it, who begins it anew."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_core import to_json

from backdesk.worker.model.job import Claim, HandedOver, JobState, Refused
from backdesk.worker.store.calls import text
from backdesk.worker.store.jobs import Parentage
from tests.support.board import NOON_MS, Board, Clock, question

STARTED, DONE = to_json({"state": "started"}), to_json({"state": "done", "value": 1})
NOTHING = Refused(None)
#: The same as in stranding.lua.
ROUNDS = 8


def announce(board: Board, *versions: str, worker: str = "worker-1", agents: int = 8) -> None:
    """Announce a worker that runs the kind, and may go on with what these versions of it have begun."""
    offers = [f"test.echo:{version}" for version in versions]
    said = {"slots": {"agents": agents}, "kinds": ["test.echo"], "versions": offers}
    board.run(board.transitions.announce(worker, 6000, said))


def begun(board: Board, job_id: str = "a", version: str = "1", entry: bytes = DONE, **fields: Any) -> str:
    """A job that this version has begun and left, queued again, with a step in its ledger."""
    claim = board.start(board.submit(job_id, **fields), version=version)
    assert board.run(board.transitions.remember(claim, "step:one", entry)) is True
    assert board.finish(claim, HandedOver())
    return job_id


def test_a_job_has_the_version_of_the_worker_that_begins_it(board: Board) -> None:
    board.submit("a")
    assert board.record("a").version is None
    board.start("a", version="1")
    assert board.record("a").version == "1"


def test_a_worker_of_the_same_version_goes_on(board: Board) -> None:
    claim = board.start(begun(board), version="1")
    assert (claim.attempt, dict(claim.ledger)) == (2, {"step:one": DONE})
    assert "version" not in board.events("a")[-1].data


def test_a_worker_of_another_version_is_refused_and_takes_no_attempt(board: Board) -> None:
    begun(board)
    assert board.claim("a", version="2") == NOTHING
    record = board.record("a")
    assert (record.state, record.attempt, record.version, record.stranded) == (JobState.QUEUED, 1, "1", "test.echo:1")
    assert board.claim("a", version="1") == NOTHING, "it is out of the window until such a worker announces itself"


@pytest.mark.parametrize("resumes", [["1"], ["0", "1"], ["*"]])
def test_one_that_resumes_the_version_goes_on_and_the_job_is_of_its_own_from_then_on(
    board: Board, resumes: list[str]
) -> None:
    claim = board.start(begun(board), version="2", resumes=resumes)
    assert dict(claim.ledger) == {"step:one": DONE}
    assert board.record("a").version == "2"
    assert board.events("a")[-1].data == {"worker": "worker-1", "version": "2", "resumes": "1"}


@pytest.mark.parametrize("resumes", [["11"], ["1.0", ".1"], ["10", "2"]])
def test_a_version_is_resumed_by_its_whole_name(board: Board, resumes: list[str]) -> None:
    begun(board)
    assert board.claim("a", version="2", resumes=resumes) == NOTHING


def test_a_job_with_nothing_to_go_on_from_runs_at_any_version(board: Board) -> None:
    board.submit("a")
    board.finish(board.start("a", version="1"), HandedOver())
    assert board.start("a", version="2").attempt == 2
    assert board.record("a").version == "2"


def test_a_checkpoint_is_something_to_go_on_from(board: Board) -> None:
    claim = board.start(board.submit("a"), version="1")
    board.run(board.transitions.checkpoint(claim, b"{}"))
    board.finish(claim, HandedOver())
    assert board.claim("a", version="2") == NOTHING


def test_an_answer_is_something_to_go_on_from(board: Board) -> None:
    board.wait(board.start(board.submit("a"), version="1"), question())
    board.answer("a", "sure")
    assert board.claim("a", version="2") == NOTHING


def test_what_was_done_before_there_were_versions_anybody_may_go_on_with_for_good(board: Board) -> None:
    begun(board, version="")
    for version in ("1", "2"):
        claim = board.start("a", version=version)
        assert dict(claim.ledger) == {"step:one": DONE}
        board.finish(claim, HandedOver())
    assert board.record("a").version is None


# Waiting for a worker that fits


def test_a_job_stands_in_line_again_when_a_worker_of_its_version_announces_itself(board: Board) -> None:
    begun(board)
    board.claim("a", version="2")
    board.client.delete(board.keys.deliveries("agents"))
    announce(board, "2", worker="new")
    assert board.delivered() == []
    announce(board, "1", worker="old")
    assert board.delivered() == ["a"]
    assert isinstance(board.claim("a", version="1"), Claim)
    assert not board.client.exists(board.keys.strandings)


@pytest.mark.parametrize("offers", [["2", "1"], ["2", "*"]])
def test_or_one_that_resumes_it(board: Board, offers: list[str]) -> None:
    begun(board)
    board.claim("a", version="2")
    board.client.delete(board.keys.deliveries("agents"))
    announce(board, *offers)
    assert board.delivered() == ["a"]


def test_while_a_live_worker_fits_it_goes_round_some_times_and_then_waits(board: Board) -> None:
    announce(board, "1", worker="old")
    announce(board, "2", worker="new")
    begun(board)
    board.client.delete(board.keys.deliveries("agents"))
    for _ in range(ROUNDS - 1):
        assert board.claim("a", version="2") == NOTHING
        assert board.take_delivery() == "a"
    assert board.claim("a", version="2") == NOTHING
    assert board.record("a").stranded == "test.echo:1"
    assert board.client.zcard(board.keys.window("agents")) == 0


def test_an_old_delivery_of_a_job_that_waits_moves_nothing(board: Board) -> None:
    begun(board)
    for _ in range(3):
        assert board.claim("a", version="2") == NOTHING
    assert board.client.zrange(board.keys.stranded("test.echo:1"), 0, -1) == [b"a"]


def test_what_waits_for_a_version_takes_no_room_from_others(board: Board) -> None:
    announce(board, "2", agents=1)
    for job_id in ("a", "b", "c"):
        begun(board, job_id)
        assert board.claim(job_id, version="2") == NOTHING
    board.client.delete(board.keys.deliveries("agents"))
    board.submit("new")
    assert board.delivered() == ["new"]


def test_a_job_that_waits_for_a_version_can_be_cancelled_and_can_expire(board: Board, clock: Clock) -> None:
    for job_id in ("a", "b"):
        begun(board, job_id, expires_at_ms=NOON_MS + 1000)
        board.claim(job_id, version="2")
    board.cancel("a")
    clock.advance(1)
    board.expire()
    assert (board.state("a"), board.state("b")) == (JobState.CANCELLED, JobState.EXPIRED)
    assert not board.client.exists(board.keys.stranded("test.echo:1"))


def test_a_worker_that_does_not_know_the_kind_leaves_the_job_to_one_of_its_version(board: Board) -> None:
    begun(board)
    board.run(board.transitions.redeliver("a", unknown_kind=True))
    assert board.record("a").stranded == "test.echo:1"
    announce(board, "2")
    assert board.record("a").stranded == "test.echo:1"
    announce(board, "1")
    assert board.record("a").stranded is None


# Beginning anew


def test_a_job_begins_anew_without_what_it_remembers_where_its_kind_says_so(board: Board) -> None:
    claim = board.start(begun(board), version="2", mismatch="restart")
    assert (claim.attempt, dict(claim.ledger), claim.checkpoint) == (2, {}, b"")
    assert board.events("a")[-1].data == {"worker": "worker-1", "version": "2", "restarts": "1"}
    assert board.record("a").version == "2"
    assert not board.client.exists(board.keys.ledger("a"), board.keys.checkpoint("a"))


def test_the_settings_say_it_for_kinds_that_do_not(board: Board) -> None:
    settings = board.settings.model_copy(update={"version_mismatch": "restart"})
    anew = Board(board.client, settings, board.clock)
    begun(board)
    assert anew.claim("a", version="2", mismatch="wait") == NOTHING
    begun(board, "b")
    assert dict(anew.start("b", version="2").ledger) == {}


def test_what_it_has_begun_anew_it_goes_on_with(board: Board) -> None:
    claim = board.start(begun(board), version="2", mismatch="restart")
    board.run(board.transitions.remember(claim, "step:two", DONE))
    board.finish(claim, HandedOver())
    assert dict(board.start("a", version="2", mismatch="restart").ledger) == {"step:two": DONE}


def test_a_claim_that_is_repeated_begins_anew_once(board: Board) -> None:
    begun(board)
    first, second = (board.claim("a", fence="f", version="2", mismatch="restart") for _ in range(2))
    assert isinstance(first, Claim)
    assert isinstance(second, Claim)
    assert (first.attempt, dict(first.ledger)) == (second.attempt, dict(second.ledger)) == (2, {})


def test_a_job_that_has_begun_what_must_not_be_done_twice_never_begins_anew(board: Board) -> None:
    for job_id, entries in (("done", [STARTED, DONE]), ("unknown", [STARTED]), ("withdrawn", [STARTED, b""])):
        claim = board.start(board.submit(job_id), version="1")
        for entry in entries:
            board.run(board.transitions.remember(claim, "step:pay", entry))
        board.finish(claim, HandedOver())
        assert board.claim(job_id, version="2", mismatch="restart") == NOTHING
        assert board.record(job_id).stranded == "test.echo:1!"
        announce(board, "2", "^")
        assert board.record(job_id).stranded == "test.echo:1!", "a worker that begins jobs anew does not come for it"
    announce(board, "1")
    assert isinstance(board.claim("done", version="1"), Claim)


def test_nor_does_one_that_has_called_another_job(board: Board) -> None:
    claim = board.start(board.submit("a"), version="1")
    parentage = Parentage("a", claim.fence, "call:one")
    board.submit("child", parent=parentage.parent, parent_fence=parentage.parent_fence, parent_key=parentage.parent_key)
    board.finish(claim, HandedOver())
    assert board.claim("a", version="2", mismatch="restart") == NOTHING


def test_a_replay_that_resumes_is_of_the_version_of_its_origin(board: Board) -> None:
    claim = board.start(board.submit("a"), version="1")
    board.run(board.transitions.remember(claim, "step:pay", STARTED))
    board.run(board.transitions.remember(claim, "step:pay", DONE))
    board.fail(claim)
    board.submit("again", origin="a", resumes=True)
    board.submit("anew", origin="a")
    assert board.claim("again", version="2", mismatch="restart") == NOTHING
    assert board.record("again").stranded == "test.echo:1!"
    assert board.start("anew", version="2").attempt == 1


def test_a_worker_that_begins_jobs_anew_comes_for_those_that_others_left_waiting(board: Board) -> None:
    begun(board)
    board.claim("a", version="2")
    announce(board, "3", "^")
    assert dict(board.start("a", version="3", mismatch="restart").ledger) == {}


# What it costs


def test_a_first_claim_takes_no_command_more_for_its_version(board: Board) -> None:
    board.start(board.submit())  # so that the scripts are loaded

    def commands(version: str) -> dict[str, int]:
        job_id = board.submit()
        board.client.config_resetstat()
        board.start(job_id, version=version)
        stats: dict[str, Any] = board.client.info("commandstats")
        return {text(name): stat["calls"] for name, stat in stats.items()}

    assert commands("") == commands("1")
