"""Rewinding: what stood before a step is taken over, it and all after it are done anew, nothing harmful unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic_core import to_json

from backdesk.worker.errors import InvalidRequest, JobNotFound, NotReplayable
from backdesk.worker.model.job import Claim, JobState
from tests.support.board import Board, end_of
from tests.support.clients import Client
from tests.support.eventually import PATIENCE_S
from tests.support.workers import Fleet


def done(board: Board, claim: Claim, key: str, effect: str = "idempotent", value: object = None) -> None:
    """Have a step finished, as an attempt does."""
    event = to_json({"key": key, "effect": effect, "seconds": 0.1})
    board.run(board.transitions.remember(claim, f"step:{key}", _entry(value or key), event))


def _entry(value: object) -> bytes:
    return b'{"state":"done","value":' + to_json(value) + b"}"


def journey(board: Board, *, effects: str = "pure unsafe idempotent") -> str:
    """Make a job that has done the steps plan, charge and mail, and then failed."""
    claim = board.start(board.submit("trip"))
    for key, effect in zip(("plan", "charge", "mail"), effects.split(), strict=True):
        done(board, claim, key, effect)
    board.fail(claim)
    return "trip"


async def test_what_was_before_the_step_is_taken_over_and_nothing_else(jobs: Client, board: Board) -> None:
    job = await jobs.rewind(journey(board), to="mail")
    again = board.start(job.id)
    assert again.ledger == {"step:plan": _entry("plan"), "step:charge": _entry("charge")}
    assert again.root == "trip"
    assert (board.record(job.id).origin, board.record("trip").replayed_as) == ("trip", job.id)


async def test_a_plan_is_neither_remembered_nor_taken_over_as_it_is_told_anew(jobs: Client, board: Board) -> None:
    claim = board.start(board.submit("trip"))
    done(board, claim, "charge")
    board.run(board.transitions.remember(claim, "plan", b'{"state":"told","value":[]}'))
    board.fail(claim)
    assert [each.name for each in await jobs.memory("trip")] == ["step:charge"]
    again = board.start((await jobs.rewind("trip", to=1)).id)
    assert again.ledger == {"step:charge": _entry("charge")}


async def test_a_position_says_the_same_as_a_key(jobs: Client, board: Board) -> None:
    journey(board)
    assert [each.key for each in await jobs.memory("trip")] == ["plan", "charge", "mail"]
    by_key, by_position = await jobs.rewind("trip", to="mail"), await jobs.rewind("trip", to=2)
    assert (by_position.id, by_position.created) == (by_key.id, False)


async def test_the_request_and_the_results_of_steps_may_be_others(jobs: Client, board: Board) -> None:
    values = {"plan": {"by": "train"}, "mail": "sent by hand"}
    job = await jobs.rewind(journey(board), to="mail", request={"text": "edited"}, values=values)
    again = board.start(job.id)
    assert again.ledger["step:plan"] == _entry({"by": "train"})
    assert again.ledger["step:mail"] == _entry("sent by hand")
    assert board.record(job.id).request == {"text": "edited"}


@pytest.mark.parametrize(("to", "named"), [("charge", "step:charge (unsafe)"), ("plan", "step:charge (unsafe)")])
async def test_an_unsafe_step_is_not_done_again_unless_that_is_meant(
    jobs: Client, board: Board, to: str, named: str
) -> None:
    journey(board)
    with pytest.raises(NotReplayable, match=named.replace("(", r"\(").replace(")", r"\)")):
        await jobs.rewind("trip", to=to)
    assert board.record("trip").replayed_as is None
    job = await jobs.rewind("trip", to=to, repeat=True)
    assert "step:charge" not in board.start(job.id).ledger


async def test_an_unsafe_step_whose_result_is_given_is_not_done_again(jobs: Client, board: Board) -> None:
    job = await jobs.rewind(journey(board), to="charge", values={"charge": "by invoice"})
    assert board.start(job.id).ledger.keys() == {"step:plan", "step:charge"}


async def test_a_step_of_which_nobody_knows_the_outcome_is_not_begun_again_unasked(jobs: Client, board: Board) -> None:
    claim = board.start(board.submit("trip"))
    done(board, claim, "plan", "pure")
    board.run(board.transitions.remember(claim, "step:charge", b'{"state":"started"}', b""))
    board.fail(claim)
    with pytest.raises(NotReplayable, match="step:charge"):
        await jobs.rewind("trip", to="charge")


async def test_a_job_that_was_called_is_not_called_again_unasked(jobs: Client, board: Board) -> None:
    claim = board.start(board.submit("trip"))
    done(board, claim, "plan", "pure")
    _, child = board.call(claim, "hotel", "child")
    board.wait(claim, end_of("hotel"))
    board.succeed(board.start(child))
    board.fail(board.start("trip"))
    with pytest.raises(NotReplayable, match="call:hotel"):
        await jobs.rewind("trip", to="plan")
    job = await jobs.rewind("trip", to="plan", repeat=True)
    assert board.start(job.id).ledger == {}


async def test_what_a_checkpoint_holds_is_given_up_so_that_every_unsafe_step_is_asked_about(
    jobs: Client, board: Board
) -> None:
    claim = board.start(board.submit("trip"))
    done(board, claim, "charge", "unsafe")
    done(board, claim, "mail")
    board.run(board.transitions.checkpoint(claim, b'"page 7"'))
    board.fail(claim)
    with pytest.raises(NotReplayable, match=r"checkpoint.*step:charge"):
        await jobs.rewind("trip", to="mail")
    again = board.start((await jobs.rewind("trip", to="mail", repeat=True)).id)
    assert ([*again.ledger], again.checkpoint) == (["step:charge"], b"")


async def test_a_rewound_job_can_be_rewound_within_what_it_has_done_itself(jobs: Client, board: Board) -> None:
    second = await jobs.rewind(journey(board), to="mail")
    claim = board.start(second.id)
    done(board, claim, "mail")
    done(board, claim, "postcard")
    board.fail(claim)
    assert [(each.key, each.taken_over) for each in await jobs.memory(second.id)] == [
        ("charge", True),
        ("plan", True),
        ("mail", False),
        ("postcard", False),
    ]
    third = await jobs.rewind(second.id, to="postcard")
    assert board.start(third.id).ledger.keys() == {"step:plan", "step:charge", "step:mail"}
    with pytest.raises(NotReplayable, match="rewind the job of which it is a replay"):
        await jobs.rewind(second.id, to="plan")


async def test_asked_again_while_it_goes_on_it_is_the_same_job_and_afterwards_another(
    jobs: Client, board: Board
) -> None:
    first = await jobs.rewind(journey(board), to="mail")
    again = await jobs.rewind("trip", to="mail")
    assert (again.id, again.created) == (first.id, False)
    board.fail(board.start(first.id))
    assert (await jobs.rewind("trip", to="mail")).created
    assert (await jobs.rewind("trip", to="mail", values={"plan": "b"})).created


@pytest.mark.parametrize("to", ["hotel", 4, -1, "", "step:hotel"])
async def test_what_it_has_not_done_it_cannot_be_rewound_to(jobs: Client, board: Board, to: str | int) -> None:
    journey(board)
    with pytest.raises(NotReplayable):
        await jobs.rewind("trip", to=to, repeat=True)


async def test_a_job_that_goes_on_or_has_succeeded_is_not_rewound(jobs: Client, board: Board) -> None:
    done(board, board.start(board.submit("trip")), "plan")
    with pytest.raises(NotReplayable, match="cancel it first"):
        await jobs.rewind("trip", to="plan")
    board.succeed(board.start(board.submit("fine")))
    with pytest.raises(NotReplayable, match="kept no longer"):
        await jobs.rewind("fine", to="plan")
    with pytest.raises(JobNotFound):
        await jobs.rewind("nobody", to="plan")


@pytest.mark.parametrize("values", [{"hotel": 1}, {"plan": object()}, {"plan": "x" * 2_000_000}])
async def test_a_result_that_cannot_be_is_refused(jobs: Client, board: Board, values: dict[str, Any]) -> None:
    journey(board)
    with pytest.raises(InvalidRequest, match="values"):
        await jobs.rewind("trip", to="mail", values=values)
    assert board.record("trip").replayed_as is None


def test_a_real_worker_does_only_what_is_to_be_done_anew(fleet: Fleet, tmp_path: Path) -> None:
    flag = tmp_path / "done"
    job = fleet.jobs.submit("test.journey", {"n": 0, "flag": str(flag)})
    with pytest.raises(Exception, match="cannot be made"):
        job.result(PATIENCE_S)
    edited = {"n": 1, "flag": str(flag)}
    again = fleet.jobs.rewind(job.id, to="mail", request=edited, values={"plan": "by train"})
    assert again.result(PATIENCE_S) == {"value": ["by train", "charge", "mail of by train"]}
    assert flag.read_text().splitlines() == ["plan", "charge", "mail of plan", "mail of by train"]
    assert again.get().state is JobState.SUCCEEDED
