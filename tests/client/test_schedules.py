"""Schedules as clients keep them: checked, kept once, looked at, paused, resumed, replaced, removed, run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.errors import InvalidRequest, ScheduleExists, ScheduleNotFound, UnknownKind
from backdesk.worker.services.scheduler import Scheduler
from backdesk.worker.settings import Settings
from tests.client.conftest import Connect
from tests.support.board import Board
from tests.support.clients import Client
from tests.support.proxy import Proxy
from tests.support.upkeep import leaks


def fire(board: Board) -> None:
    """Do what the elected worker does at each of its ticks."""
    Scheduler(board.client, board.settings, REGISTRY, lambda: True).tick()


def let_come(board: Board, name: str) -> None:
    """Have a moment of a schedule with an interval be just past, as though it had been kept earlier."""
    seconds, _ = board.client.time()
    at_ms = (seconds - 1) * 1000
    board.client.hset(board.keys.schedule(name), mapping={"anchor": at_ms, "next": at_ms})
    board.client.zadd(board.keys.schedule_due, {name: at_ms})


async def test_a_schedule_is_kept_with_its_next_moment(jobs: Client) -> None:
    kept = await jobs.schedules.add("tick", "test.echo", {"text": "hi"}, every=60, tenant="acme", metadata={"a": 1})
    record = kept.record
    assert (kept.added, kept.replaced) == (True, False)
    assert (record.name, record.kind, record.tenant, record.request) == ("tick", "test.echo", "acme", {"text": "hi"})
    assert record.next_at is not None
    assert timedelta(seconds=59) < record.next_at - record.created_at <= timedelta(seconds=60)
    assert await jobs.schedules.get("tick") == record
    assert await jobs.schedules.list() == [record]


async def test_a_cron_expression_is_read_in_its_zone(jobs: Client) -> None:
    kept = await jobs.schedules.add("nine", "test.echo", {}, cron="0 9 * * *", timezone="Asia/Tokyo")
    assert kept.record.next_at is not None
    assert (kept.record.next_at.hour, kept.record.next_at.tzinfo) == (0, UTC)


async def test_an_interval_counts_from_its_start(jobs: Client) -> None:
    starts = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=90)
    kept = await jobs.schedules.add("hourly", "test.echo", {}, every=timedelta(hours=1), starts=starts)
    assert kept.record.next_at == starts + timedelta(hours=2)


async def test_a_kind_that_its_tenant_may_not_have_is_refused_at_once(jobs: Client) -> None:
    await jobs.tenants.set("acme", kinds=["another.kind"])
    with pytest.raises(InvalidRequest, match="kind: tenant 'acme' may not have jobs of this kind"):
        await jobs.schedules.add("tick", "test.echo", {}, every=60, tenant="acme")
    assert await jobs.schedules.list() == []
    assert (await jobs.schedules.add("tick", "test.echo", {}, every=60, tenant="other")).added


async def test_the_same_definition_again_changes_nothing(jobs: Client) -> None:
    first = await jobs.schedules.add("tick", "test.echo", {}, every=60)
    again = await jobs.schedules.add("tick", "test.echo", {}, every=timedelta(minutes=1))
    assert (again.added, again.replaced, again.record) == (False, False, first.record)


async def test_another_definition_is_refused_unless_it_is_to_replace_the_first(jobs: Client) -> None:
    await jobs.schedules.add("tick", "test.echo", {}, every=60)
    with pytest.raises(ScheduleExists, match="'tick' is there with another definition") as caught:
        await jobs.schedules.add("tick", "test.echo", {}, every=61)
    assert caught.value.name == "tick"
    kept = await jobs.schedules.add("tick", "test.echo", {}, every=61, replace=True)
    assert (kept.added, kept.replaced, kept.record.every_s) == (False, True, 61)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"every": 0}, "every"),
        ({"every": 60, "timezone": "Mars/Olympus"}, "timezone"),
        ({"every": 60, "tenant": "a b"}, "tenant"),
        ({"every": 60, "timeout": -1}, "timeout"),
        ({"every": 60, "request": {"text": 5}}, "text"),
        ({"every": 60, "ends": datetime(2020, 1, 1, tzinfo=UTC)}, "ends"),
    ],
)
async def test_what_is_wrong_is_refused_with_its_field_and_nothing_is_kept(
    jobs: Client, board: Board, options: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await jobs.schedules.add("bad", "test.echo", **{"request": {}, **options})
    assert caught.value.field == field
    assert board.client.keys("*schedule*") == []


async def test_an_unknown_kind_is_refused(jobs: Client) -> None:
    with pytest.raises(UnknownKind):
        await jobs.schedules.add("bad", "no.such.kind", {}, every=60)


async def test_a_definition_that_has_had_its_time_may_be_repeated(jobs: Client, board: Board) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=90)
    await jobs.schedules.add("once", "test.echo", {}, every=60, starts=ends - timedelta(days=1), ends=ends)
    board.client.hset(board.keys.schedule("once"), "next", "")
    board.client.zrem(board.keys.schedule_due, "once")
    again = await jobs.schedules.add("once", "test.echo", {}, every=60, starts=ends - timedelta(days=1), ends=ends)
    assert (again.added, again.replaced, again.record.next_at) == (False, False, None)


async def test_a_record_tells_what_has_become_of_it(jobs: Client, board: Board) -> None:
    await jobs.schedules.add("tick", "test.echo", {}, every=3600)
    let_come(board, "tick")
    fire(board)
    record = await jobs.schedules.get("tick")
    assert (record.fired, record.last_state, record.misfires, record.error) == (1, "queued", 0, None)
    assert record.last_job is not None
    assert record.last_planned_at is not None
    label = {"name": "tick", "planned_at": record.last_planned_at.isoformat(timespec="milliseconds")}
    assert (await jobs.get(record.last_job)).metadata == {"schedule": label}


async def test_the_schedules_of_a_tenant_are_listed_by_name(jobs: Client) -> None:
    for name, tenant in (("b", "acme"), ("c", "globex"), ("a", "acme")):
        await jobs.schedules.add(name, "test.echo", {}, every=60, tenant=tenant)
    assert [record.name for record in await jobs.schedules.list(tenant="acme")] == ["a", "b"]
    assert [record.name for record in await jobs.schedules.list()] == ["a", "b", "c"]


async def test_a_paused_schedule_fires_when_it_is_resumed_and_not_before(jobs: Client, board: Board) -> None:
    await jobs.schedules.add("tick", "test.echo", {}, every=3600)
    let_come(board, "tick")
    assert (await jobs.schedules.pause("tick")).paused
    fire(board)
    assert (await jobs.schedules.get("tick")).fired == 0
    assert not (await jobs.schedules.resume("tick")).paused
    fire(board)
    assert (await jobs.schedules.get("tick")).fired == 1


async def test_resuming_plans_anew_what_a_wrong_clock_has_planned_too_late(jobs: Client, board: Board) -> None:
    planned = (await jobs.schedules.add("tick", "test.echo", {}, every=3600)).record.next_at
    far_ms = (board.client.time()[0] + 30 * 86_400) * 1000
    board.client.hset(board.keys.schedule("tick"), "next", far_ms)
    board.client.zadd(board.keys.schedule_due, {"tick": far_ms})
    assert (await jobs.schedules.resume("tick")).next_at == planned


async def test_a_removed_schedule_is_gone(jobs: Client, board: Board) -> None:
    await jobs.schedules.add("tick", "test.echo", {}, every=60)
    assert await jobs.schedules.remove("tick")
    assert not await jobs.schedules.remove("tick")
    assert await jobs.schedules.list() == []
    assert leaks(board.client, "backdesk") == []


async def test_a_schedule_can_be_run_out_of_turn(jobs: Client) -> None:
    before = (await jobs.schedules.add("tick", "test.echo", {"text": "hi"}, every=3600, priority=8)).record
    job = await jobs.schedules.run("tick")
    record = await jobs.get(job.id)
    assert (record.request, record.priority) == ({"text": "hi"}, 8)
    assert record.metadata == {"schedule": {"name": "tick", "planned_at": None}}
    assert await jobs.schedules.get("tick") == before


async def test_a_definition_of_a_later_version_can_be_looked_at_and_not_be_run(jobs: Client, board: Board) -> None:
    await jobs.schedules.add("tick", "test.echo", {}, every=60)
    later = '{"colour":"red","every_s":60,"kind":"test.echo","name":"tick","request":{}}'
    board.client.hset(board.keys.schedules, "tick", later)
    assert [record.every_s for record in await jobs.schedules.list()] == [60]
    for act in (jobs.schedules.run, jobs.schedules.resume):
        with pytest.raises(InvalidRequest, match="was it written by a later version"):
            await act("tick")


async def test_what_is_not_there_is_not_found(jobs: Client) -> None:
    for act in (jobs.schedules.get, jobs.schedules.pause, jobs.schedules.resume, jobs.schedules.run):
        with pytest.raises(ScheduleNotFound, match="no schedule 'nope'"):
            await act("nope")


async def test_a_lost_answer_is_no_conflict_with_oneself(
    connected: Connect, redis_server: EmbeddedRedis, settings: Settings, client: redis.Redis
) -> None:
    with Proxy(redis_server.port) as proxy:
        jobs = connected(redis_url=proxy.url)
        await jobs.schedules.add("first", "test.echo", {"text": "loads the script"}, every=60)
        proxy.cut_after(b"EVALSHA")
        kept = await jobs.schedules.add("tick", "test.echo", {}, every=60)
        assert proxy.cuts == 1
    assert kept.record.every_s == 60
    assert client.zcard("backdesk:schedule-due") == 2
