"""The scheduler: what is due becomes a job, once, whoever looks and however late."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import ResponseError

import tests.support.kinds  # noqa: F401 - registers the kinds
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.model.contract import KindContract, ModelCheck
from backdesk.worker.model.schedule import Missed, Overlap, firing_id, owner_of
from backdesk.worker.model.tenancy import TenantSettings, tenant_scope
from backdesk.worker.services.scheduler import Scheduler
from backdesk.worker.settings import Settings
from backdesk.worker.store.moments import moment
from backdesk.worker.submit.blob_access import blobs_of
from backdesk.worker.submit.claim_check import check_in_schedule
from backdesk.worker.submit.scheduled import job_of
from tests.support.board import NOON_MS, Board, Clock
from tests.support.faults import refusing
from tests.support.schedules import Shelf, schedule
from tests.support.upkeep import leaks

HOUR_S = 3600


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shelf(client: redis.Redis, settings: Settings, clock: Clock) -> Shelf:
    return Shelf(Board(client, settings, clock), clock)


@pytest.fixture
def scheduler(shelf: Shelf) -> Scheduler:
    return scheduler_of(shelf)


def scheduler_of(shelf: Shelf, *, leads: bool = True) -> Scheduler:
    return Scheduler(shelf.board.client, shelf.board.settings, REGISTRY, lambda: leads, shelf.clock)


def pass_time(shelf: Shelf, scheduler: Scheduler, seconds: int, step_s: int = 1) -> None:
    for _ in range(0, seconds, step_s):
        shelf.clock.advance(step_s)
        scheduler.tick()


# In the ordinary course


def test_each_moment_makes_one_job(shelf: Shelf, scheduler: Scheduler) -> None:
    shelf.keep()
    pass_time(shelf, scheduler, 185)
    assert shelf.moments() == ["12:01:00", "12:02:00", "12:03:00"]
    assert (shelf.record().fired, shelf.record().misfires) == (3, 0)
    assert leaks(shelf.board.client, "backdesk") == []


def test_a_job_is_what_its_schedule_asks_for(shelf: Shelf, scheduler: Scheduler) -> None:
    options: dict[str, Any] = {
        "tenant": "acme",
        "priority": 8,
        "timeout_s": 5,
        "expires_s": 60,
        "metadata": {"team": "x"},
    }
    shelf.keep(schedule(request={"text": "hi"}, **options))
    pass_time(shelf, scheduler, 63, step_s=63)
    (job,) = shelf.jobs()
    assert (job.kind, job.tenant, job.priority, job.request) == ("test.echo", "acme", 8, {"text": "hi"})
    assert (job.timeout_s, job.expires_at) == (5, moment(NOON_MS + 123_000))
    assert job.metadata == {"team": "x", "schedule": {"name": "tick", "planned_at": "2026-03-01T12:01:00.000+00:00"}}


def test_a_late_tick_shifts_nothing_that_comes_after(shelf: Shelf, scheduler: Scheduler) -> None:
    shelf.keep()
    pass_time(shelf, scheduler, 65, step_s=65)
    assert shelf.record().next_at == moment(NOON_MS + 120_000)


def test_only_the_elected_worker_fires(shelf: Shelf) -> None:
    shelf.keep()
    pass_time(shelf, scheduler_of(shelf, leads=False), 120)
    assert shelf.jobs() == []


def test_a_kind_that_is_not_installed_here_is_checked_by_what_is_announced_of_it(
    shelf: Shelf, scheduler: Scheduler
) -> None:
    contract = KindContract(kind="other.kind", queue="tools", request_schema={"required": ["text"]})
    shelf.board.client.hset(shelf.board.keys.kinds, "other.kind", contract.model_dump_json())
    shelf.keep(schedule(kind="other.kind"))
    pass_time(shelf, scheduler, 60, step_s=60)
    assert [(job.kind, job.queue) for job in shelf.jobs()] == [("other.kind", "tools")]


def test_a_schedule_fires_until_its_end_and_not_after(shelf: Shelf, scheduler: Scheduler) -> None:
    shelf.keep(schedule(ends=moment(NOON_MS + 120_000)))
    pass_time(shelf, scheduler, 300, step_s=10)
    assert (shelf.moments(), shelf.record().next_at) == (["12:01:00", "12:02:00"], None)


def test_many_at_once_are_spread_over_ticks(
    shelf: Shelf, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.worker.services.scheduler.MAX_ROUNDS", 2)
    for number in range(120):
        shelf.keep(schedule(f"s-{number}"))
    shelf.clock.advance(60)
    scheduler.tick()
    assert len(shelf.jobs()) == 100
    scheduler.tick()
    assert len(shelf.jobs()) == 120


def test_a_moment_is_left_out_while_the_last_job_goes_on_if_that_is_asked_for(
    shelf: Shelf, scheduler: Scheduler
) -> None:
    shelf.keep(schedule(overlap=Overlap.SKIP))
    pass_time(shelf, scheduler, 180, step_s=60)
    assert (shelf.moments(), shelf.record().skipped) == (["12:01:00"], 2)


# Exactly once


def test_two_workers_that_both_believe_to_be_elected_make_one_job(shelf: Shelf) -> None:
    first, second = scheduler_of(shelf), scheduler_of(shelf)
    shelf.keep()
    shelf.clock.advance(60)
    now_ms, (ripe,) = shelf.board.run(shelf.calls.ripe(50))
    decided = [scheduler._call(scheduler._decide(ripe, now_ms)) for scheduler in (first, second)]
    for call in decided:
        shelf.board.run(call)
    assert (len(shelf.jobs()), shelf.record().fired) == (1, 1)


def test_the_slower_of_two_workers_fires_no_earlier_moment(shelf: Shelf, scheduler: Scheduler) -> None:
    shelf.keep()
    shelf.clock.advance(60)
    now_ms, (ripe,) = shelf.board.run(shelf.calls.ripe(50))
    late = scheduler._call(scheduler._decide(ripe, now_ms))
    pass_time(shelf, scheduler, 120)
    shelf.board.run(late)
    assert shelf.moments() == ["12:01:00", "12:02:00", "12:03:00"]


def test_a_worker_that_was_lost_after_the_job_was_written_makes_no_second_one(
    shelf: Shelf, scheduler: Scheduler
) -> None:
    kept = schedule()
    shelf.keep(kept)
    shelf.clock.advance(60)
    at_ms = shelf.clock()
    job_id = firing_id("tick", kept.generation, at_ms)
    check = ModelCheck("agents", REGISTRY["test.echo"].request)
    job = job_of(kept, check, job_id, moment(at_ms), max_request_bytes=1000, now=moment(at_ms))
    shelf.board.run(shelf.board.transitions.submit([job]))
    scheduler.tick()
    assert [job.id for job in shelf.jobs()] == [job_id]
    assert shelf.record().next_at == moment(at_ms + 60_000)


def test_what_redis_refuses_is_fired_when_it_no_longer_does(
    shelf: Shelf, settings: Settings, scheduler: Scheduler
) -> None:
    shelf.keep()
    shelf.clock.advance(60)
    with refusing(settings.url, "OOM"), pytest.raises(ResponseError):
        scheduler.tick()
    assert shelf.jobs() == []
    scheduler.tick()
    assert shelf.moments() == ["12:01:00"]


@pytest.mark.parametrize("change", ["pause", "remove", "replace"])
def test_a_schedule_that_changes_while_it_is_read_does_not_fire(
    shelf: Shelf, scheduler: Scheduler, change: str
) -> None:
    shelf.keep()
    shelf.clock.advance(60)
    now_ms, (ripe,) = shelf.board.run(shelf.calls.ripe(50))
    call = scheduler._call(scheduler._decide(ripe, now_ms))
    if change == "replace":
        shelf.keep(schedule(every_s=HOUR_S), replace=True)
    else:
        getattr(shelf, change)()
    shelf.board.run(call)
    scheduler.tick()
    assert shelf.jobs() == []


# Missed


@pytest.mark.parametrize(("missed", "moments"), [(Missed.ONCE, ["15:00:00", "16:00:00"]), (Missed.SKIP, ["16:00:00"])])
def test_what_was_missed_while_nobody_was_there_is_fired_once_or_not_at_all(
    shelf: Shelf, scheduler: Scheduler, missed: Missed, moments: list[str]
) -> None:
    shelf.keep(schedule(cron="0 * * * *", missed=missed))
    pass_time(shelf, scheduler, 3 * HOUR_S + 600, step_s=3 * HOUR_S + 600)
    pass_time(shelf, scheduler, HOUR_S, step_s=600)
    assert shelf.moments() == moments
    assert shelf.record().misfires == (2 if missed is Missed.ONCE else 3)


@pytest.mark.parametrize(("missed", "moments"), [(Missed.ONCE, ["14:00:00"]), (Missed.SKIP, [])])
def test_what_was_missed_in_a_pause_is_fired_once_or_not_at_all(
    shelf: Shelf, scheduler: Scheduler, missed: Missed, moments: list[str]
) -> None:
    shelf.keep(schedule(cron="0 * * * *", missed=missed))
    shelf.pause()
    pass_time(shelf, scheduler, 2 * HOUR_S + 600, step_s=600)
    assert shelf.jobs() == []
    shelf.resume()
    scheduler.tick()
    assert (shelf.moments(), shelf.record().next_at) == (moments, moment(NOON_MS + 3 * HOUR_S * 1000))


def test_a_change_of_the_elected_worker_makes_nobody_miss_anything(shelf: Shelf, scheduler: Scheduler) -> None:
    shelf.keep(schedule(cron="0 * * * *", missed=Missed.SKIP))
    pass_time(shelf, scheduler, HOUR_S + 10, step_s=HOUR_S + 10)
    assert (shelf.moments(), shelf.record().misfires) == (["13:00:00"], 0)


# Clocks that jump


def test_a_clock_that_jumps_ahead_makes_no_burst(shelf: Shelf, scheduler: Scheduler) -> None:
    shelf.keep()
    pass_time(shelf, scheduler, 60)
    pass_time(shelf, scheduler, HOUR_S, step_s=HOUR_S)
    assert (shelf.moments(), shelf.record().misfires) == (["12:01:00", "13:01:00"], 59)


def test_a_clock_that_jumps_back_fires_nothing_twice(shelf: Shelf, scheduler: Scheduler) -> None:
    shelf.keep()
    pass_time(shelf, scheduler, 120)
    shelf.clock.advance(-HOUR_S)
    pass_time(shelf, scheduler, HOUR_S + 60, step_s=10)
    assert shelf.moments() == ["12:01:00", "12:02:00", "12:03:00"]


def test_what_is_planned_anew_after_a_jump_fires_no_moment_twice(shelf: Shelf, scheduler: Scheduler) -> None:
    shelf.keep()
    pass_time(shelf, scheduler, 120)
    shelf.clock.advance(-60)
    generation = schedule().generation
    planned_ms, again_ms = NOON_MS + 180_000, NOON_MS + 120_000
    assert shelf.board.run(shelf.calls.resume("tick", generation, planned_ms, again_ms))
    pass_time(shelf, scheduler, 120)
    assert shelf.moments() == ["12:01:00", "12:02:00", "12:03:00"]
    assert shelf.record().fired == 3


# What cannot be fired


def test_a_firing_that_is_refused_is_noted_and_holds_up_no_other(
    shelf: Shelf, scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.keep(schedule("a-gone", kind="no.longer.there"))
    shelf.keep(schedule("b-changed", request={"text": 5}))
    shelf.keep(schedule("c-fine"))
    pass_time(shelf, scheduler, 60, step_s=60)
    gone, changed = shelf.record("a-gone"), shelf.record("b-changed")
    assert [job.metadata["schedule"]["name"] for job in shelf.jobs()] == ["c-fine"]
    assert gone.error is not None
    assert gone.error.message.startswith("kind: no worker has announced 'no.longer.there'")
    assert changed.error is not None
    assert changed.error.fields == {"text": "Input should be a valid string"}
    assert changed.error.planned_at == moment(NOON_MS + 60_000)
    assert (changed.failed, changed.next_at) == (1, moment(NOON_MS + 120_000))
    assert [r.schedule for r in caplog.records if r.message == "schedule_failed"] == ["a-gone", "b-changed"]  # type: ignore[attr-defined]  # what `extra` adds


def test_a_job_that_its_tenant_may_not_have_is_noted_as_refused(shelf: Shelf, scheduler: Scheduler) -> None:
    policy = TenantSettings(kinds=("another.kind",)).policy
    shelf.keep(schedule(tenant="acme"))
    shelf.keep(schedule("other"))
    shelf.board.run(shelf.board.transitions.configure(tenant_scope("acme"), policy, "acme"))
    pass_time(shelf, scheduler, 60, step_s=60)
    record = shelf.record()
    assert record.error is not None
    assert record.error.fields == {"kind": "tenant 'acme' may not have jobs of this kind"}
    assert (record.failed, record.fired, record.next_at) == (1, 0, moment(NOON_MS + 120_000))
    assert [job.metadata["schedule"]["name"] for job in shelf.jobs()] == ["other"]


def test_a_refused_firing_is_not_tried_again_before_its_next_moment(shelf: Shelf, scheduler: Scheduler) -> None:
    shelf.keep(schedule(request={"text": 5}))
    pass_time(shelf, scheduler, 119)
    assert shelf.record().failed == 1


def test_a_definition_of_a_later_version_waits_for_a_worker_that_understands_it(
    shelf: Shelf, scheduler: Scheduler
) -> None:
    shelf.keep()
    definitions, name = shelf.board.keys.schedules, "tick"
    known = schedule().encoded
    shelf.board.client.hset(definitions, name, known.replace("{", '{"colour":"red",', 1))
    shelf.keep(schedule("other"))
    pass_time(shelf, scheduler, 119)
    assert [job.metadata["schedule"]["name"] for job in shelf.jobs()] == ["other"]
    shelf.board.client.hset(definitions, name, known)
    record = shelf.record()
    assert record.error is not None
    assert "colour" in record.error.message
    assert (record.failed, record.next_at) == (1, moment(NOON_MS + 60_000))
    pass_time(shelf, scheduler, 1)
    assert (shelf.record().fired, shelf.record().error) == (1, None)


def test_a_large_request_of_a_schedule_goes_among_the_blobs_of_each_job(
    client: redis.Redis, settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    changes = {"blobs_url": (tmp_path / "blobs").as_uri(), "blob_over_bytes": 2000}
    shelf = Shelf(Board(client, settings.model_copy(update=changes), clock), clock)
    shelf.keep(schedule(request={"text": "x" * 5000}))
    pass_time(shelf, scheduler_of(shelf), 120)
    refs = [job.request_blob for job in shelf.jobs()]
    assert len(refs) == 2
    assert {ref.owner for ref in refs if ref} == {job.id for job in shelf.jobs()}


def test_a_schedule_whose_request_is_gone_says_so_and_holds_up_no_other(
    client: redis.Redis, settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    changes = {"blobs_url": (tmp_path / "blobs").as_uri(), "blob_over_bytes": 2000}
    shelf = Shelf(Board(client, settings.model_copy(update=changes), clock), clock)
    store = blobs_of(shelf.board.settings).store
    large = schedule(request={"text": "x" * 5000})
    checked_in = check_in_schedule(large, b'{"text":"%b"}' % (b"x" * 5000), store)
    shelf.keep(checked_in)
    shelf.keep(schedule("other"))
    store.forget(owner_of(checked_in), checked_in.tenant)
    pass_time(shelf, scheduler_of(shelf), 60, step_s=60)
    assert [job.metadata["schedule"]["name"] for job in shelf.jobs()] == ["other"]
    record = shelf.record()
    assert record.error is not None
    assert "is not in this store" in record.error.message
