"""Unsafe steps under a Redis that may forget: they begin when their announcement will outlive it, and not before."""

from __future__ import annotations

import pytest

from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.model.job import JobState, Succeeded
from backdesk.worker.settings import Settings
from tests.support.board import Board
from tests.support.eventually import eventually
from tests.support.faults import frozen, replica_of
from tests.worker.conftest import Bench


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    wait_s = getattr(request, "param", 0.2)
    return settings.model_copy(update={"durable_wait_s": wait_s})


def test_an_unsafe_step_waits_for_another_attempt_while_no_replica_has_its_announcement(
    bench: Bench, board: Board
) -> None:
    paid: list[int] = []

    async def body(ctx: TaskContext) -> None:
        await ctx.step("look", lambda: 1, effect="pure")
        await ctx.step("pay", paid.append, 7, effect="unsafe")

    with replica_of(board.settings.url) as replica:
        with frozen(replica):
            job_id = bench.run_body(body)
            assert (board.state(job_id), paid, [*board.ledger(job_id)]) == (JobState.SCHEDULED, [], ["step:look"])
        limited = board.events(job_id)[-1]
        assert (limited.type, board.record(job_id).failures) == ("limited", 0)
        assert "announcement of step 'pay'" in limited.data["error"]["message"]
        assert "BACKDESK_DURABLE_WAIT_S" in limited.data["error"]["message"]
        eventually(lambda: isinstance(bench.again(job_id), Succeeded), what="the end of the job")
    assert (board.state(job_id), paid) == (JobState.SUCCEEDED, [7])


def test_a_blocking_body_waits_the_same_way(bench: Bench, board: Board) -> None:
    paid: list[int] = []

    def body(ctx: BlockingContext) -> None:
        ctx.step("pay", paid.append, 7, effect="unsafe")

    with replica_of(board.settings.url) as replica:
        with frozen(replica):
            job_id = bench.run_body(body)
            assert (board.state(job_id), paid) == (JobState.SCHEDULED, [])
        eventually(lambda: isinstance(bench.again(job_id), Succeeded), what="the end of the job")
    assert (board.state(job_id), paid) == (JobState.SUCCEEDED, [7])


def test_steps_that_may_be_repeated_wait_for_no_replica(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> int:
        return await ctx.step("one", lambda: 1, effect="pure") + await ctx.step("two", lambda: 2)

    with replica_of(board.settings.url) as replica, frozen(replica):
        assert board.record(bench.run_body(body)).result == {"value": 3}


@pytest.mark.parametrize("settings", [0], indirect=True)
def test_by_setting_no_step_waits(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> int:
        return await ctx.step("pay", lambda: 7, effect="unsafe")

    with replica_of(board.settings.url) as replica, frozen(replica):
        assert board.record(bench.run_body(body)).result == {"value": 7}
