"""Forgetting a job: nothing of it is left, and nothing else is touched."""

from __future__ import annotations

import pytest
import redis

from backdesk.worker.errors import JobNotFound, NotForgettable
from backdesk.worker.settings import Settings
from tests.support.board import Board, question
from tests.support.clients import Client
from tests.support.upkeep import leaks

pytestmark = pytest.mark.over_http

#: In which a job is said to be of this conversation, tenant and key.
OWN = {"conversation": "c-1", "idempotency_key": "k-1"}


async def test_nothing_is_left_of_a_job_that_is_forgotten(
    jobs: Client, board: Board, client: redis.Redis, settings: Settings
) -> None:
    board.succeed(board.start(board.submit("before")))  # what every first job leaves of its kind and tenant
    await jobs.forget("before")
    known = {*client.keys()}
    claim = board.start(board.submit("done", **OWN))
    board.run(board.transitions.remember(claim, "step:plan", b'{"state":"done","value":1}'))
    board.run(board.transitions.checkpoint(claim, b'"on the way"'))
    board.succeed(claim)
    await jobs.forget("done")
    assert not [key for key in {*client.keys()} - known if b"done" in key or b"k-1" in key]
    assert not [each.id for each in await jobs.list()]
    assert not leaks(client, settings.prefix)
    for asked in (jobs.get("done"), jobs.events("done"), jobs.memory("done"), jobs.forget("done")):
        with pytest.raises(JobNotFound):
            await asked


async def test_a_key_of_a_forgotten_job_is_free_again(jobs: Client, board: Board) -> None:
    board.succeed(board.start(board.submit("done", **OWN)))
    await jobs.forget("done")
    assert board.submit("again", **OWN) == "again"


@pytest.mark.parametrize("state", ["scheduled", "queued", "running", "waiting"])
async def test_a_job_that_goes_on_is_not_forgotten(jobs: Client, board: Board, state: str) -> None:
    job_id = board.submit("on", run_at_ms="+60000" if state == "scheduled" else "")
    if state in {"running", "waiting"}:
        claim = board.start(job_id)
        if state == "waiting":
            board.wait(claim, question())
    with pytest.raises(NotForgettable, match="only a job that has ended can be forgotten") as caught:
        await jobs.forget(job_id)
    assert caught.value.state == state == board.record(job_id).state


async def test_jobs_that_it_called_stay(jobs: Client, board: Board) -> None:
    claim = board.start(board.submit("trip"))
    _, child = board.call(claim, "hotel", "trip-hotel")
    board.succeed(board.start(child))
    board.fail(claim)
    await jobs.forget("trip")
    assert (await jobs.get("trip-hotel")).state == "succeeded"
