"""The state of the whole deployment as bodies and operators see it, and the notice of a maintenance."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.deployment import LONGEST_MESSAGE
from tests.support.board import Board
from tests.support.clients import Client


def announced(board: Board, worker: str, *, ttl_s: float = 60, draining: bool = False, **slots: int) -> None:
    facts = {"name": worker, "slots": slots, "draining": draining}
    board.run(board.transitions.announce(worker, round(ttl_s * 1000), facts))


async def test_an_empty_deployment_has_nothing_to_do_and_no_load(jobs: Client) -> None:
    state = await jobs.system()
    assert (state.running, state.queued, state.slots, state.workers) == (0, 0, 0, 0)
    assert (state.load, state.maintenance) == (None, None)
    assert sorted(state.queues) == ["agents", "tools"]


async def test_load_is_what_runs_and_is_queued_for_each_slot(jobs: Client, board: Board) -> None:
    announced(board, "one", agents=2)
    announced(board, "two", tools=2)
    ids = board.submit_many(5)
    board.start(ids[0])
    board.submit(queue="tools", run_at_ms=10**14)
    state = await jobs.system()
    assert (state.running, state.queued, state.slots, state.workers) == (1, 4, 4, 2)
    assert state.load == 1.25
    agents, tools = state.queues["agents"], state.queues["tools"]
    assert (agents.running, agents.queued, agents.slots) == (1, 4, 2)
    assert (tools.running, tools.queued, tools.slots) == (0, 0, 2)


async def test_a_worker_of_two_queues_has_its_slots_once(jobs: Client, board: Board) -> None:
    announced(board, "both", agents=3, tools=3)
    state = await jobs.system()
    assert state.slots == 3
    assert {name: queue.slots for name, queue in state.queues.items()} == {"agents": 3, "tools": 3}


async def test_a_worker_that_ends_is_alive_and_gives_no_slots(jobs: Client, board: Board) -> None:
    announced(board, "ends", agents=3, draining=True)
    state = await jobs.system()
    assert (state.workers, state.slots) == (1, 0)


async def test_a_worker_that_is_not_heard_of_any_more_is_not_counted(jobs: Client, board: Board) -> None:
    announced(board, "gone", agents=3)
    board.client.zadd(board.keys.workers, {"gone": 1})
    state = await jobs.system()
    assert (state.workers, state.slots) == (0, 0)


async def test_jobs_that_a_limit_holds_are_queued(jobs: Client, board: Board) -> None:
    announced(board, "one", agents=8)
    await jobs.set_job_limits(kind="test.echo", max_running=1)
    await jobs.set_tenant("paused", max_running=0)
    board.submit_many(3)
    board.submit_many(2, tenant="paused", kind="test.steps")
    state = await jobs.system()
    assert (state.queued, state.queues["agents"].queued) == (5, 5)


async def test_of_very_many_tenants_some_are_counted_and_the_rest_reckoned(jobs: Client, board: Board) -> None:
    announced(board, "one", agents=1)
    for n in range(250):
        board.submit_many(2, tenant=f"tenant-{n}")
    state = await jobs.system()
    assert state.queued == 500
    assert state.queues["agents"].queued == pytest.approx(500, rel=0.02)


async def test_without_a_maintenance_there_is_no_notice(jobs: Client) -> None:
    assert await jobs.maintenance() is None
    assert not await jobs.end_maintenance()


async def test_a_maintenance_is_told_until_it_is_taken_back(jobs: Client) -> None:
    notice = await jobs.begin_maintenance("  Payments are being moved.  ")
    assert (notice.message, notice.until) == ("Payments are being moved.", None)
    assert await jobs.maintenance() == notice
    assert (await jobs.system()).maintenance == notice
    assert (await jobs.overview()).maintenance == notice
    assert await jobs.end_maintenance()
    assert await jobs.maintenance() is None


async def test_another_message_takes_the_place_of_the_first_and_since_when_stays(jobs: Client) -> None:
    first = await jobs.begin_maintenance("Ten minutes.")
    second = await jobs.begin_maintenance('An "hour", sorry: ü.', timedelta(hours=1))
    assert second.message == 'An "hour", sorry: ü.'
    assert second.since == first.since
    assert second.until is not None


async def test_a_maintenance_with_a_time_ends_by_itself(jobs: Client, board: Board) -> None:
    notice = await jobs.begin_maintenance("Half an hour.", 1800)
    assert notice.until == notice.since + timedelta(minutes=30)
    assert 1_790_000 < board.client.pttl(board.keys.maintenance) <= 1_800_000
    await jobs.begin_maintenance("Until further notice.")
    assert board.client.ttl(board.keys.maintenance) == -1


@pytest.mark.parametrize("message", ["", "  ", "x" * (LONGEST_MESSAGE + 1), "two\nlines", "\x1b[2J", None, 7])
async def test_a_message_that_is_none_is_refused(jobs: Client, message: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await jobs.begin_maintenance(message)
    assert [*refused.value.fields] == ["message"]
    assert await jobs.maintenance() is None


@pytest.mark.parametrize("for_", [0, 0.5, -1, float("nan"), 31 * 86_400, "long", True])
async def test_a_time_that_is_none_is_refused(jobs: Client, for_: Any) -> None:
    with pytest.raises(InvalidRequest, match="30 days"):
        await jobs.begin_maintenance("Soon over.", for_)
    assert await jobs.maintenance() is None


async def test_a_maintenance_stops_no_work(jobs: Client, board: Board) -> None:
    announced(board, "one", agents=1)
    await jobs.begin_maintenance("All is well.")
    job_id = board.submit()
    assert board.run_next() == job_id
    assert board.state(job_id) == "succeeded"
