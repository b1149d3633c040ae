"""A job that waits tells what for: the limit that holds it and until when, its place in line, its conversation."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from backdesk.worker.model.job import JobRecord
from tests.support.board import Board
from tests.support.clients import Client
from tests.support.eventually import eventually_async


@pytest.fixture(autouse=True)
def slots(board: Board) -> None:
    board.announce(agents=2)


async def reason(jobs: Client, job_id: str) -> tuple[str, str] | None:
    limited = (await jobs.get(job_id)).limited
    return (limited.scope, limited.reason) if limited else None


async def test_a_job_that_only_waits_for_a_slot_tells_its_place_and_no_limit(jobs: Client, board: Board) -> None:
    ids = board.submit_many(6)
    waiting = [record for job_id in ids if (record := await jobs.get(job_id)).ahead is not None]

    assert [record.ahead for record in waiting] == [*range(len(waiting))]
    assert waiting
    assert all(record.limited is None for record in waiting)


async def test_a_rate_tells_when_each_job_runs(jobs: Client, board: Board) -> None:
    await jobs.tenants.set("acme", rate="6/m")
    ids = board.submit_many(4)
    assert (await jobs.get(ids[0])).limited is None, "it is delivered"
    board.start(ids[0])
    found = [await jobs.get(job_id) for job_id in ids]

    assert found[0].limited is None, "it runs"
    moments = [record.limited.run_at for record in found[1:] if record.limited and record.limited.run_at]
    assert [(record.limited.scope, record.limited.reason) for record in found[1:] if record.limited] == [
        ("tenant acme", "rate")
    ] * 3
    began = found[0].started_at
    assert began is not None
    assert timedelta(0) < moments[0] - began <= timedelta(seconds=10)
    assert [later - sooner for sooner, later in pairwise(moments)] == [timedelta(seconds=10)] * 2


async def test_the_moment_is_the_one_that_the_event_tells(jobs: Client, board: Board) -> None:
    await jobs.tenants.set("acme", rate="6/m")
    board.submit_many(2)
    job_id = board.submit()
    (told,) = [event.data["run_at"] for event in board.events(job_id) if event.type == "limited"]
    limited = (await jobs.get(job_id)).limited

    assert limited is not None
    assert limited.run_at is not None
    assert abs(limited.run_at.timestamp() - _seconds(told)) < 5, "of the ten seconds from one to the next"


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


@pytest.mark.parametrize(
    ("setting", "held"),
    [
        ({"tenant": {"max_running": 1}}, ("tenant acme", "max_running")),
        ({"every": {"max_running": 1}}, ("tenant acme", "max_running")),
        ({"kind": {"max_running": 1}}, ("kind test.echo", "max_running")),
        ({"kind": {"rate": "1/h"}}, ("kind test.echo", "rate")),
        ({"both": {"rate": "1/h"}}, ("tenant acme kind test.echo", "rate")),
        ({"both": {"max_running": 1}}, ("tenant acme kind test.echo", "max_running")),
        ({"queue": {"max_running": 1}}, ("queue agents", "max_running")),
        ({"queue": {"rate": "1/h"}}, ("queue agents", "rate")),
    ],
)
async def test_each_sort_of_limit_is_told(
    jobs: Client, board: Board, setting: dict[str, dict[str, str]], held: tuple[str, str]
) -> None:
    for whose, limits in setting.items():
        if whose in {"tenant", "every"}:
            await jobs.tenants.set("acme" if whose == "tenant" else "*", **limits)
        else:
            scopes = {"kind": {"kind": "test.echo"}, "queue": {"queue": "agents"}}
            scope = scopes.get(whose, {"kind": "test.echo", "tenant": "acme"})
            await jobs.limits.jobs.set(**scope, **limits)
    _, second = board.submit_many(2)

    assert await reason(jobs, second) == held


async def test_a_cap_with_too_little_room_for_the_slots_of_a_job_holds_it_and_one_that_is_kept_for_it_holds_others(
    jobs: Client, board: Board
) -> None:
    await jobs.limits.jobs.set(kind="test.echo", max_running=3)
    board.submit()
    large = board.submit(slots=3)
    small = board.submit(tenant="globex")
    assert [await reason(jobs, each) for each in (large, small)] == [("kind test.echo", "max_running")] * 2
    assert [(await jobs.get(each)).ahead for each in (large, small)] == [0, 0]


async def test_it_is_told_no_more_once_it_is_over(jobs: Client, board: Board) -> None:
    await jobs.tenants.set("acme", max_running=1)
    first, second = board.submit_many(2)
    assert await reason(jobs, second) == ("tenant acme", "max_running")
    board.succeed(board.start(first))
    assert await reason(jobs, second) is None


async def test_a_job_tells_which_other_its_conversation_goes_on_with(jobs: Client, board: Board) -> None:
    first = board.submit(conversation="c")
    second = board.submit(conversation="c")
    assert (await jobs.get(second)).behind == first
    board.succeed(board.start(first))
    assert (await jobs.get(second)).behind is None


async def test_a_list_tells_what_each_record_tells(jobs: Client, board: Board) -> None:
    await jobs.tenants.set("acme", max_running=1)
    board.submit_many(3)
    board.submit(tenant="other", conversation="c")
    board.submit(tenant="other", conversation="c")
    listed = {record.id: record for record in await jobs.list()}

    def waits(record: JobRecord) -> tuple[object, ...]:
        return record.limited, record.ahead, record.behind

    assert {job_id: waits(record) for job_id, record in listed.items()} == {
        job_id: waits(await jobs.get(job_id)) for job_id in listed
    }
    assert sum(record.limited is not None for record in listed.values()) == 2


async def test_the_list_needs_one_round_trip_more_for_all_of_them(jobs: Client, board: Board) -> None:
    await jobs.tenants.set("acme", max_running=1)
    board.submit_many(50)
    board.client.config_resetstat()
    await jobs.list()
    assert board.client.info("commandstats")["cmdstat_time"]["calls"] == 1


# Whether anybody is there to run it

FACTS = {"name": "worker-1", "slots": {"agents": 2}, "kinds": ["test.echo"]}


async def lack(jobs: Client, job_id: str) -> str | None:
    """What no live worker has of a job, as it is told of one and in a list."""
    (listed,) = [record for record in await jobs.list() if record.id == job_id]
    assert listed.unserved == (await jobs.get(job_id)).unserved
    return listed.unserved


async def test_a_job_tells_when_no_live_worker_reads_its_queue_or_knows_its_kind(jobs: Client, board: Board) -> None:
    board.run(board.transitions.announce("worker-1", 60_000, FACTS))
    assert await lack(jobs, board.submit()) is None
    assert await lack(jobs, board.submit(kind="test.steps")) == "kind"
    assert await lack(jobs, board.submit(queue="tools")) == "queue"
    assert await lack(jobs, (await jobs.submit("test.steps", {}, delay=60)).id) == "kind"


async def test_a_job_tells_when_no_live_worker_has_as_many_slots_as_it_takes(jobs: Client, board: Board) -> None:
    facts = FACTS | {"versions": ["test.steps:#"]}
    board.run(board.transitions.announce("worker-1", 60_000, facts))
    assert await lack(jobs, board.submit(slots=2)) is None
    assert await lack(jobs, board.submit(slots=3)) == "slots"
    assert await lack(jobs, board.submit(kind="test.steps")) == "slots"
    assert await lack(jobs, board.submit(kind="test.steps", slots=1)) is None
    assert await lack(jobs, board.submit(kind="test.other", slots=1)) == "kind"


async def test_workers_that_were_killed_or_take_no_more_run_nothing(jobs: Client, board: Board) -> None:
    board.run(board.transitions.announce("worker-1", 60_000, FACTS | {"draining": True}))
    assert await lack(jobs, board.submit()) == "queue"
    board.run(board.transitions.announce("worker-1", 1, FACTS))
    job_id = board.submit()
    await eventually_async(lambda: not board.client.exists(board.keys.worker("worker-1")))
    assert await lack(jobs, job_id) == "queue"


async def test_a_job_that_runs_or_has_ended_lacks_nothing(jobs: Client, board: Board) -> None:
    claim = board.start(board.submit())
    board.announce(ttl_s=0)
    assert await lack(jobs, claim.job_id) is None
    board.succeed(claim)
    assert await lack(jobs, claim.job_id) is None
