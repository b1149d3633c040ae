"""What goes on in a deployment, told at once: true numbers, and work that does not grow with jobs or tenants."""

from __future__ import annotations

from typing import Any

from backdesk.client.operations.lines import read_lines
from backdesk.client.operations.overview import SAMPLE
from backdesk.client.operations.unserved import UnservedJobs
from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.job import HandedOver, JobState
from backdesk.worker.store.calls import text
from tests.support.board import Board
from tests.support.clients import Client
from tests.support.kinds import Number

STEPS = KindContract.of("test.steps", "agents", Number, Number)


def serve(board: Board, **kinds: list[str]) -> None:
    """Announce a worker that reads these queues and runs these kinds."""
    all_kinds = [kind for of_queue in kinds.values() for kind in of_queue]
    facts = {"name": "worker-1", "slots": dict.fromkeys(kinds, 2), "kinds": all_kinds}
    board.run(board.transitions.announce("worker-1", 60_000, facts))


def strand(board: Board, job_id: str) -> None:
    """Give a job back as a worker does that does not know its kind."""
    assert board.run(board.transitions.redeliver(job_id, unknown_kind=True))


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
    assert queue.queued == 9
    assert queue.delivered == len(board.delivered()) - 1
    assert queue.longest_wait_s is not None


async def test_each_queued_job_is_counted_once_wherever_it_is(jobs: Client, board: Board) -> None:
    serve(board, agents=["test.echo"])
    board.client.hset(board.keys.kinds, "test.steps", STEPS.model_dump_json())
    strand(board, board.submit(kind="test.steps"))
    board.submit_many(5, conversation="talk")
    board.submit_many(5)
    seen = await jobs.overview()

    assert seen.states[JobState.QUEUED] == 11
    assert (seen.queues[0].queued, seen.behind) == (7, 4)


async def test_jobs_that_no_live_worker_can_run_are_told(jobs: Client, board: Board) -> None:
    board.client.hset(board.keys.kinds, "test.steps", STEPS.model_dump_json())
    board.submit(queue="tools", kind="test.tool")
    assert (await jobs.overview()).unserved == [UnservedJobs(queue="tools", kind=None, lack="queue", jobs=1)]
    serve(board, agents=["test.echo"])
    strand(board, board.submit(kind="test.steps"))
    board.submit_many(20)
    board.submit_many(2, kind="test.other")
    assert (await jobs.overview()).unserved == [
        UnservedJobs(queue="tools", kind=None, lack="queue", jobs=1),
        UnservedJobs(queue="agents", kind="test.other", lack="kind", jobs=2),
        UnservedJobs(queue="agents", kind="test.steps", lack="kind", jobs=1),
    ]
    serve(board, agents=["test.echo", "test.steps", "test.other"], tools=["test.tool"])
    assert (await jobs.overview()).unserved == []


async def test_jobs_of_a_version_that_no_live_worker_may_go_on_with_are_told(jobs: Client, board: Board) -> None:
    board.client.hset(board.keys.kinds, "test.steps", STEPS.model_dump_json())
    serve(board, agents=["test.steps"])
    claim = board.start(board.submit(kind="test.steps"), version="1")
    board.run(board.transitions.remember(claim, "step:one", b'{"state":"started"}'))
    board.finish(claim, HandedOver())
    board.claim(claim.job_id, version="2")
    assert (await jobs.overview()).unserved == [
        UnservedJobs(queue="agents", kind="test.steps", lack="version", version="1", committed=True, jobs=1)
    ]
    assert (await jobs.get(claim.job_id)).unserved == "version"
    facts = {"name": "old", "slots": {"agents": 1}, "kinds": ["test.steps"], "versions": ["test.steps:1"]}
    board.run(board.transitions.announce("old", 60_000, facts))
    assert (await jobs.overview()).unserved == []
    assert (await jobs.get(claim.job_id)).unserved is None


async def test_slots_are_those_of_live_workers(jobs: Client, board: Board) -> None:
    board.announce(agents=2)
    board.client.delete(board.keys.worker("worker-1"))
    assert (await jobs.overview()).queues[0].slots == 0, "the last worker was killed, and its announcement is over"


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
    await jobs.tenants.set("acme", max_running=1)
    await jobs.limits.jobs.set(kind="test.echo", tenant="other", rate="1/h")
    board.submit_many(3)
    board.submit_many(2, tenant="other")
    seen = await jobs.overview()

    assert {each.tenant: each.limited for each in seen.tenants} == {"acme": 2, "other": 1}
    assert [each.scope for each in seen.job_limits] == ["tenant other kind test.echo"]


async def test_the_lines_that_are_told_are_all_there_are(jobs: Client, board: Board) -> None:
    board.announce(agents=3, tools=1)
    await jobs.tenants.set("a", max_running=1)
    await jobs.limits.jobs.set(kind="test.other", max_running=1)
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
    return jobs.core


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
