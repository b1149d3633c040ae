"""How many slots a queue could use: what more workers would begin, and nothing else."""

from __future__ import annotations

import pytest

from backdesk.worker.errors import InvalidRequest
from tests.client.test_system import announced
from tests.support.board import Board, question
from tests.support.clients import Client

pytestmark = pytest.mark.over_http


async def told(jobs: Client, queue: str = "agents") -> tuple[int, int, int, int]:
    """What is wanted, and of it what runs and could run; and what is held."""
    demand = await jobs.autoscale(queue)
    return demand.wanted_slots, demand.running, demand.runnable, demand.held


async def test_a_queue_that_nobody_has_used_wants_none(jobs: Client) -> None:
    assert await told(jobs, "nobodys") == (0, 0, 0, 0)


async def test_what_runs_and_what_is_queued_is_wanted_with_or_without_workers(jobs: Client, board: Board) -> None:
    ids = board.submit_many(40)
    assert await told(jobs) == (40, 0, 40, 0)
    announced(board, "one", agents=2)
    for job_id in ids[:2]:
        board.start(job_id)
    assert await told(jobs) == (40, 2, 38, 0)
    assert await told(jobs, "tools") == (0, 0, 0, 0)


async def test_slots_are_counted_as_jobs_take_them(jobs: Client, board: Board) -> None:
    announced(board, "one", agents=8)
    ids = board.submit_many(10, slots=4)
    board.start(ids[0])
    assert await told(jobs) == (40, 4, 36, 0)


async def test_jobs_that_wait_for_a_time_for_people_or_for_their_conversation_are_not_wanted(
    jobs: Client, board: Board
) -> None:
    board.wait(board.start(board.submit("asks")), question())
    board.submit("later", run_at_ms="+60000")
    for name in ("first", "second", "third"):
        board.submit(name, conversation="c-1")
    assert await told(jobs) == (1, 0, 1, 0)


async def test_a_cap_of_a_tenant_leaves_what_is_under_it(jobs: Client, board: Board) -> None:
    await jobs.tenants.set("acme", max_running=5)
    board.submit_many(30)
    board.submit_many(7, tenant="globex")
    assert await told(jobs) == (12, 0, 12, 25)


@pytest.mark.parametrize("scope", [{"kind": "test.echo"}, {"queue": "agents"}])
async def test_a_cap_of_a_kind_or_queue_holds_for_all_tenants_together(
    jobs: Client, board: Board, scope: dict[str, str]
) -> None:
    await jobs.limits.jobs.set(**scope, max_running=6)
    for tenant in ("acme", "globex", "initech"):
        board.submit_many(10, tenant=tenant)
    assert await told(jobs) == (6, 0, 6, 24)


async def test_a_rate_wants_what_begins_while_one_lasts(jobs: Client, board: Board) -> None:
    await jobs.limits.jobs.set(kind="test.echo", rate="5/s")
    board.client.hset(board.keys.flow, "seconds agents", 2)
    board.submit_many(50)
    assert await told(jobs) == (10, 0, 10, 40)


async def test_what_is_paused_is_held(jobs: Client, board: Board) -> None:
    await jobs.pauses.begin(kind="test.echo")
    board.submit_many(10)
    assert await told(jobs) == (0, 0, 0, 10)
    await jobs.pauses.end(kind="test.echo")
    assert await told(jobs) == (10, 0, 10, 0)


async def test_many_tenants_are_reckoned_from_some(jobs: Client, board: Board) -> None:
    for number in range(600):
        board.submit_many(2, tenant=f"t-{number:03}")
    demand = await jobs.autoscale("agents")
    assert demand.wanted_slots == pytest.approx(1200, rel=0.02)


@pytest.mark.parametrize("queue", ["", "two words", None])
async def test_what_is_no_queue_is_refused(jobs: Client, queue: str) -> None:
    with pytest.raises(InvalidRequest, match="must be the name of a queue"):
        await jobs.autoscale(queue)
