"""Answering jobs that wait: what fits is given once and told, what does not is refused before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json

from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.errors import AskUnknown, InvalidRequest, JobNotFound, NotWaiting, PayloadTooLarge
from backdesk.worker.model.asks import APPROVE, DENY, OUTCOMES, Ask, AskType, Awaited
from backdesk.worker.model.job import JobState, Waiting
from tests.client.conftest import Connect
from tests.support.board import Board
from tests.support.clients import Client
from tests.support.eventually import PATIENCE_S, eventually_async
from tests.support.proxy import Proxy
from tests.support.workers import Fleet

Given = Callable[[Client], Any]


def approval(name: str = "refund", **more: Any) -> Awaited:
    ask = Ask(type=AskType.APPROVAL, name=name, prompt="May I?", choices=[APPROVE, DENY], **more)
    return Awaited(ask, f"ask:{name}")


def question(name: str = "colour", *choices: str) -> Awaited:
    return Awaited(Ask(type=AskType.QUESTION, name=name, prompt="Which?", choices=[*choices]), f"ask:{name}")


def outcome(step: str = "charge") -> Awaited:
    ask = Ask(type=AskType.OUTCOME, name=f"outcome:{step}", facts={"step": step}, choices=[*OUTCOMES])
    return Awaited(ask, f"step:{step}")


def child(name: str = "call:one") -> Awaited:
    return Awaited(Ask(type=AskType.CHILD, name=name), name)


def wait(board: Board, *awaited: Awaited) -> None:
    """Let job `a` wait."""
    assert board.finish(board.start(board.submit("a")), Waiting(awaited))


def ledger(board: Board) -> dict[str, Any]:
    entries: dict[Any, Any] = board.client.hgetall(board.keys.ledger("a"))
    return {name.decode(): from_json(entry) for name, entry in entries.items()}


def told(board: Board) -> dict[str, Any]:
    """What the newest `answered` event says."""
    return [event.data for event in board.events("a") if event.type == "answered"][-1]


# What fits


async def test_an_approval_is_kept_and_told_and_the_job_goes_on(jobs: Client, board: Board) -> None:
    wait(board, approval())
    await jobs.approve("a", by="kim", note="a good customer")
    entry = ledger(board)["ask:refund"]

    assert board.state("a") is JobState.QUEUED
    assert entry["state"] == "done"
    assert (entry["value"]["decision"], entry["value"]["by"]) == ("approve", "kim")
    assert datetime.now(UTC) - datetime.fromisoformat(entry["value"]["at"]) < timedelta(minutes=1)
    assert told(board) == {"name": "refund", "decision": "approve", "by": "kim", "note": "a good customer"}


async def test_a_denial_is_an_answer_too(jobs: Client, board: Board) -> None:
    wait(board, approval())
    await jobs.deny("a")
    assert (board.state("a"), ledger(board)["ask:refund"]["value"]["decision"]) == ("queued", "deny")


async def test_a_question_with_choices_takes_one_of_them(jobs: Client, board: Board) -> None:
    wait(board, question("colour", "red", "blue"))
    with pytest.raises(InvalidRequest, match="'green' is none of the choices: red, blue"):
        await jobs.answer("a", "green")
    await jobs.answer("a", "blue")
    assert ledger(board)["ask:colour"]["value"]["decision"] == "blue"


async def test_a_choice_named_like_the_outcome_of_a_step_is_only_a_choice(jobs: Client, board: Board) -> None:
    wait(board, question("exam", "pass", "fail"))
    await jobs.answer("a", "fail")
    assert (board.state("a"), ledger(board)["ask:exam"]["value"]["decision"]) == ("queued", "fail")


async def test_a_question_without_choices_takes_any_text(jobs: Client, board: Board) -> None:
    wait(board, question())
    await jobs.answer("a", "like the sea", by="kim")
    assert ledger(board)["ask:colour"]["value"]["value"] == "like the sea"
    assert told(board) == {"name": "colour", "value": "like the sea", "by": "kim", "note": ""}


async def test_the_result_of_a_step_that_was_done_is_kept_and_not_told(jobs: Client, board: Board) -> None:
    wait(board, outcome())
    await jobs.resolve("a", "done", {"token": "secret"}, by="kim")
    assert ledger(board)["step:charge"] == {"state": "done", "value": {"token": "secret"}}
    assert told(board) == {"name": "outcome:charge", "decision": "done", "by": "kim", "note": ""}


async def test_a_step_to_be_repeated_leaves_no_entry(jobs: Client, board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.run(board.transitions.remember(claim, "step:charge", b'{"state":"started"}'))
    board.finish(claim, Waiting((outcome(),)))
    await jobs.resolve("a", "repeat")
    assert (board.state("a"), ledger(board)) == ("queued", {})


async def test_a_step_that_failed_ends_the_job_and_says_who_said_so(jobs: Client, board: Board) -> None:
    wait(board, outcome())
    await jobs.resolve("a", "fail", by="kim", note="the bank says no")
    error = (await jobs.get("a")).error

    assert board.state("a") is JobState.FAILED
    assert error is not None
    assert (error.code, error.transient) == ("step_failed", False)
    assert error.message == "step 'charge' was declared failed by kim: the bank says no"
    assert error.reference.startswith("BD-")


async def test_one_of_several_is_answered_by_its_name(jobs: Client, board: Board) -> None:
    wait(board, approval("first"), approval("second"))
    await jobs.approve("a", ask="second")
    assert board.state("a") is JobState.WAITING
    assert [ask.name for ask in (await jobs.get("a")).asks] == ["first"]
    await jobs.deny("a")
    assert board.state("a") is JobState.QUEUED


async def test_the_only_one_of_its_type_needs_no_name(jobs: Client, board: Board) -> None:
    wait(board, approval(), question(), child())
    await jobs.answer("a", "red")
    await jobs.approve("a")
    assert [ask.type for ask in (await jobs.get("a")).asks] == ["child"]


async def test_a_record_tells_until_when_an_answer_is_waited_for(jobs: Client, board: Board) -> None:
    wait(board, approval(expires_in_s=60))
    (ask,) = (await jobs.get("a")).asks
    assert ask.expires_at is not None
    assert timedelta(seconds=50) < ask.expires_at - datetime.now(UTC) <= timedelta(seconds=61)


# What does not fit


@pytest.mark.parametrize(
    ("awaited", "give", "sentence"),
    [
        ([approval("x"), approval("y")], lambda c: c.approve("a"), "more than one; name .* approval 'x', approval 'y'"),
        ([approval("x")], lambda c: c.approve("a", ask="z"), "approval 'z' of job a: there is none; .* approval 'x'"),
        ([question()], lambda c: c.approve("a"), "approval of job a: there is none; it waits for question 'colour'"),
        ([approval()], lambda c: c.answer("a", "approve"), "there is none; it waits for approval 'refund'"),
        ([child()], lambda c: c.answer("a", "x", ask="call:one"), "there is none; it waits for child 'call:one'"),
        ([child()], lambda c: c.resolve("a", "done"), "there is none; it waits for child 'call:one'"),
    ],
)
async def test_an_answer_that_fits_nothing_is_refused_with_what_is_asked(
    jobs: Client, board: Board, awaited: list[Awaited], give: Given, sentence: str
) -> None:
    wait(board, *awaited)
    with pytest.raises(AskUnknown, match=sentence) as caught:
        await give(jobs)
    assert caught.value.asks == {each.ask.name: each.ask.type for each in awaited}
    assert (board.state("a"), ledger(board)) == ("waiting", {})


async def test_a_job_that_does_not_wait_cannot_be_answered(jobs: Client, board: Board) -> None:
    board.start(board.submit("a"))
    with pytest.raises(NotWaiting, match="job a is running; only a job that waits can be answered") as caught:
        await jobs.approve("a")
    assert caught.value.state == "running"
    with pytest.raises(JobNotFound):
        await jobs.approve("never")


async def test_an_answer_that_comes_second_is_told_so(jobs: Client, board: Board) -> None:
    wait(board, approval())
    await jobs.deny("a", by="kim")
    with pytest.raises(NotWaiting, match="queued"):
        await jobs.approve("a", by="lee")
    assert ledger(board)["ask:refund"]["value"]["by"] == "kim"


@pytest.mark.parametrize(
    ("give", "field"),
    [
        (lambda c: c.resolve("a", "maybe"), "outcome"),
        (lambda c: c.resolve("a", "repeat", {"x": 1}), "result"),
        (lambda c: c.resolve("a", "done", {"x": float("inf")}), "result.x"),
        (lambda c: c.resolve("a", "done", note=7), "note"),
    ],
)
async def test_a_decision_that_cannot_be_is_refused_with_its_field(
    jobs: Client, board: Board, give: Given, field: str
) -> None:
    wait(board, outcome())
    with pytest.raises(InvalidRequest) as caught:
        await give(jobs)
    assert caught.value.field == field
    assert board.state("a") is JobState.WAITING


async def test_an_answer_may_be_neither_empty_nor_larger_than_an_event(jobs: Client, board: Board) -> None:
    wait(board, question())
    with pytest.raises(InvalidRequest, match="not empty"):
        await jobs.answer("a", "")
    with pytest.raises(PayloadTooLarge, match="the limit is 32768"):
        await jobs.answer("a", "x" * 40_000)
    assert board.state("a") is JobState.WAITING


async def test_an_answer_whose_reply_was_lost_is_given_once(
    connected: Connect, redis_server: EmbeddedRedis, board: Board
) -> None:
    wait(board, approval("first"), approval("second"))
    with Proxy(redis_server.port) as proxy:
        jobs = connected(redis_url=proxy.url)
        await jobs.approve("a", ask="first")  # loads the script
        proxy.cut_after(b"by the note")
        await jobs.approve("a", note="by the note")
        assert proxy.cuts == 1
    assert board.event_types("a").count("answered") == 2
    assert board.state("a") is JobState.QUEUED


# On real workers


async def waiting(fleet: Fleet, job_id: str) -> None:
    await eventually_async(lambda: fleet.board.state(job_id) == "waiting", what=f"{job_id} to wait")


async def test_the_body_gets_the_answer(on_fleet: Client, fleet: Fleet) -> None:
    job = await on_fleet.submit("test.approval", {"text": "order 10003"})
    await waiting(fleet, job.id)
    (ask,) = (await on_fleet.get(job.id)).asks
    assert (ask.prompt, ask.facts) == ("May order 10003 be refunded?", {"order": 10003, "cents": 1250})
    await on_fleet.approve(job.id, by="kim", note="fine")
    assert await on_fleet.result(job.id, PATIENCE_S) == {"value": [True, "kim", "fine"]}


async def test_the_body_gets_the_choice(on_fleet: Client, fleet: Fleet) -> None:
    job = await on_fleet.submit("test.question", {"text": "tea coffee"})
    await waiting(fleet, job.id)
    await on_fleet.answer(job.id, "tea")
    assert await on_fleet.result(job.id, PATIENCE_S) == {"value": "tea"}


@pytest.mark.parametrize(("outcome", "value"), [("done", "as the bank says"), ("repeat", "charged at last")])
async def test_a_step_of_unknown_outcome_is_settled_by_a_person(
    on_fleet: Client, fleet: Fleet, tmp_path: Path, outcome: str, value: str
) -> None:
    flag = tmp_path / "line-is-back"
    job = await on_fleet.submit("test.unsafe", {"flag": str(flag)})
    await waiting(fleet, job.id)
    flag.touch()
    await on_fleet.resolve(job.id, outcome, value if outcome == "done" else None)
    assert await on_fleet.result(job.id, PATIENCE_S) == {"value": value}
