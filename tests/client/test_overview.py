"""What goes on in a deployment, told at once: true numbers, and work that does not grow with jobs or tenants."""

from __future__ import annotations

from typing import Any

from backdesk.client.operations.lines import read_lines
from backdesk.client.operations.overview import SAMPLE
from backdesk.worker.model.job import JobState
from backdesk.worker.store.jobs import text
from tests.support.board import Board
from tests.support.clients import Client


async def test_nothing_goes_on_in_an_empty_deployment(jobs: Client) -> None:
    seen = await jobs.overview()
    assert [(each.queue, each.queued, each.running) for each in seen.queues] == [("agents", 0, 0), ("tools", 0, 0)]
    assert (seen.tenants, seen.workers, seen.schedules, seen.ended_per_s) == ([], [], [], 0)


async def test_a_queue_tells_what_is_in_line_delivered_and_running(jobs: Client, board: Board) -> None:
    board.announce(agents=2)
    ids = board.submit_many(10)
    board.start(ids[0])
    queue = (await jobs.overview()).queues[0]

    assert (queue.running, queue.slots, queue.tenants) == (1, 2, 1)
    assert queue.queued + queue.delivered == 9
    assert queue.delivered == len(board.delivered()) - 1
    assert queue.longest_wait_s is not None


async def test_what_has_ended_is_told_by_queue_and_by_tenant(jobs: Client, board: Board) -> None:
    for _ in range(3):
        board.succeed(board.start(board.submit()))
    board.fail(board.start(board.submit(tenant="other")))
    seen = await jobs.overview()

    assert seen.queues[0].ended_per_s == seen.ended_per_s == round(4 / 30, 3)
    assert seen.queues[0].average_s is not None
    assert {each.tenant: each.ended_per_s for each in seen.tenants} == {"acme": 3 / 30, "other": round(1 / 30, 3)}
    assert (seen.states[JobState.SUCCEEDED], seen.states[JobState.FAILED]) == (3, 1)


async def test_of_many_ends_the_newest_tell_how_many_there_are(jobs: Client, board: Board) -> None:
    now = round(board.client.time()[0] * 1000)
    ended = {f"gone-{n}": now - n for n in range(SAMPLE + 50)}
    board.client.zadd(board.keys.state("succeeded"), ended)
    seen = await jobs.overview()
    board.client.delete(board.keys.state("succeeded"))

    assert seen.ended_per_s > 50, "a job each ms, up to a second ago"


async def test_the_busiest_tenants_come_first_and_the_others_are_counted(jobs: Client, board: Board) -> None:
    board.announce(agents=1)
    board.start(board.submit(tenant="runs"))
    for n in range(5):
        board.submit_many(n + 1, tenant=f"waits-{n}")
    seen = await jobs.overview(tenants=3)

    order = [(-each.running, -each.queued, each.tenant) for each in seen.tenants]
    assert order == sorted(order)
    assert len(order) == 3
    assert seen.tenants_left_out == 3
    assert sum(each.share for each in (await jobs.overview()).tenants) == 1


async def test_a_tenant_at_its_limit_tells_how_many_of_its_jobs_wait_for_that(jobs: Client, board: Board) -> None:
    board.announce(agents=10)
    await jobs.set_tenant("acme", max_running=1)
    await jobs.set_job_limits(kind="test.echo", tenant="other", rate="1/h")
    board.submit_many(3)
    board.submit_many(2, tenant="other")
    seen = await jobs.overview()

    assert {each.tenant: each.limited for each in seen.tenants} == {"acme": 2, "other": 1}
    assert [each.scope for each in seen.job_limits] == ["tenant other kind test.echo"]


async def test_the_lines_that_are_told_are_all_there_are(jobs: Client, board: Board) -> None:
    board.announce(agents=3, tools=1)
    await jobs.set_tenant("a", max_running=1)
    await jobs.set_job_limits(kind="test.other", max_running=1)
    for tenant in ("a", "b", "c"):
        for kind in ("test.echo", "test.other"):
            board.submit_many(2, tenant=tenant, kind=kind)
            board.submit_many(1, tenant=tenant, kind=kind, queue="tools")
    scanned = {text(name): board.client.zcard(name) for name in board.client.scan_iter(board.keys.line("*", "*", "*"))}

    told = drive(board, read_lines(_core(jobs), ["agents", "tools"]))
    assert {board.keys.line(line.queue, line.tenant, line.kind): line.waiting for line in told.lines} == scanned
    assert told.left_out == 0
    ours = drive(board, read_lines(_core(jobs), ["agents", "tools"], tenant="b"))
    assert [*ours.lines] == [line for line in told.lines if line.tenant == "b"]
    few = drive(board, read_lines(_core(jobs), ["agents"], most=1))
    assert len({line.tenant for line in few.lines if line.queue == "agents"}) == 1
    assert few.left_out > 0


async def test_one_look_asks_little_however_many_jobs_there_are(jobs: Client, board: Board) -> None:
    board.announce(agents=2)
    for n in range(20):
        board.submit_many(2, tenant=f"t{n}")
    few = await commands_of(jobs, board)
    for _ in range(10):
        for n in range(20):
            board.submit_many(10, tenant=f"t{n}")
    assert await commands_of(jobs, board) <= few + 5


async def commands_of(jobs: Client, board: Board) -> int:
    before = int(board.client.info("stats")["total_commands_processed"])
    await jobs.overview()
    return int(board.client.info("stats")["total_commands_processed"]) - before


def _core(jobs: Client) -> Any:
    return jobs.client._core  # type: ignore[attr-defined]


def drive(board: Board, operation: Any) -> Any:
    """Run an operation of reads to its end."""
    try:
        step = next(operation)
        while True:
            with board.client.pipeline(transaction=False) as pipe:
                for command in step.commands:
                    pipe.execute_command(*command)
                step = operation.send(pipe.execute())
    except StopIteration as stop:
        return stop.value
