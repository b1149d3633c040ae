"""Maintenance and presence: one worker leads, and does for all jobs what nobody asks for."""

from __future__ import annotations

import pytest
import redis

from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.failure import Failure
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.model.job import Deferred, JobState
from backdesk.worker.services.maintenance import Maintenance
from backdesk.worker.services.presence import Presence
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect
from tests.support.board import Board
from tests.support.eventually import eventually
from tests.support.faults import refusing


@pytest.fixture
def patient(settings: Settings) -> Settings:
    """A term of five minutes: no machine is so busy that it ends between two ticks."""
    return settings.model_copy(update={"tick_s": 60.0})


@pytest.fixture
def maintenance(client: redis.Redis, patient: Settings) -> Maintenance:
    return Maintenance("worker-1", client, patient)


def test_one_of_two_workers_leads(client: redis.Redis, patient: Settings, maintenance: Maintenance) -> None:
    other = Maintenance("worker-2", client, patient)
    for worker in (maintenance, other, maintenance):
        worker.tick()
    assert (maintenance.leads, other.leads) == (True, False)


def test_it_is_told_once_that_a_worker_has_come_to_lead(maintenance: Maintenance) -> None:
    told: list[bool] = []
    maintenance.on_elected = lambda: told.append(maintenance.leads)
    maintenance.tick()
    maintenance.tick()
    assert told == [True]


def test_another_worker_leads_when_the_first_is_gone(
    client: redis.Redis, patient: Settings, maintenance: Maintenance
) -> None:
    maintenance.tick()
    other = Maintenance("worker-2", client, patient)
    client.delete("backdesk:leader")
    other.tick()
    maintenance.tick()
    assert (maintenance.leads, other.leads) == (False, True)


def test_a_tick_does_everything_that_is_due(maintenance: Maintenance, board: Board) -> None:
    now_ms = int(board.client.time()[0]) * 1000
    parked = board.submit(run_at_ms=now_ms + 3_600_000)
    expiring = board.submit(expires_at_ms=now_ms - 1)
    lost = board.submit()
    board.start(lost)
    undelivered = board.submit()
    board.client.zadd(board.keys.due, {parked: 0})
    board.client.zadd(board.keys.leases, {lost: 0})
    board.client.delete("backdesk.agents")
    board.client.zadd(board.keys.window("agents"), {undelivered: 0})
    maintenance.tick()
    assert board.state(parked) is JobState.QUEUED
    assert board.state(expiring) is JobState.EXPIRED
    assert board.state(lost) is JobState.QUEUED
    assert undelivered in board.delivered()


def test_a_concern_that_fails_is_logged_and_keeps_none_of_the_others_from_its_turn(
    maintenance: Maintenance, board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    lost = board.submit()
    board.start(lost)
    board.client.zadd(board.keys.leases, {lost: 0})
    board.client.set(board.keys.buckets, "by hand")
    maintenance.tick()
    assert board.state(lost) is JobState.QUEUED
    assert [vars(each)["concern"] for each in caplog.records if each.message == "maintenance_failed"] == ["release"]
    board.client.delete(board.keys.buckets)


def test_a_tick_of_a_worker_that_does_not_lead_does_nothing(maintenance: Maintenance, board: Board) -> None:
    board.client.set(board.keys.leader, "worker-2")
    lost = board.submit()
    board.start(lost)
    board.client.zadd(board.keys.leases, {lost: 0})
    maintenance.tick()
    assert board.state(lost) is JobState.RUNNING


def test_a_full_redis_is_relieved_of_what_it_has_kept_long_enough(
    client: redis.Redis, settings: Settings, board: Board
) -> None:
    maintenance = Maintenance("worker-1", client, settings)
    board.succeed(board.start(board.submit("old")))
    client.zadd(board.keys.forgetting, {"old": 0})
    with refusing(settings.url, "OOM"):
        maintenance.tick()
    assert board.find("old") is None


def test_after_an_outage_of_redis_the_workers_have_a_lease_to_come_back_before_their_jobs_are_taken(
    client: redis.Redis, settings: Settings, board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    lost = board.submit()
    board.start(lost)
    board.client.zadd(board.keys.leases, {lost: 0})
    client.hset(board.keys.pulse, "at", 0)
    fresh = Maintenance("worker-1", client, settings)
    fresh.tick()
    fresh.pulse()
    fresh.tick()
    assert "outage_noticed" in caplog.text
    assert board.state(lost) is JobState.RUNNING
    fresh.start()
    eventually(lambda: board.state(lost) is JobState.QUEUED)
    fresh.stop()


def test_counts_that_went_wrong_are_put_right_within_a_tick_and_logged(
    maintenance: Maintenance, board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    board.submit()
    board.client.hset(board.keys.flow, "queue agents", -5038)
    maintenance.tick()
    assert board.client.hget(board.keys.flow, "queue agents") == b"1"
    (record,) = [record for record in caplog.records if record.message == "flow_put_right"]
    assert vars(record)["examples"] == ["queue agents: -5038, not 1"]


def test_a_tick_finishes_what_a_script_has_left_over(maintenance: Maintenance, board: Board) -> None:
    maintenance.tick()
    board.submit_many(300)
    board.announce(agents=300)
    assert len(board.delivered()) < 300
    maintenance.pace()
    assert len(board.delivered()) == 300


def test_what_a_limit_holds_is_seen_as_soon_as_it_is_held(
    settings: Settings, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.worker.services.maintenance.LONGEST_WAIT_S", 600.0)
    maintenance = Maintenance("worker-1", connect(settings.url), settings.model_copy(update={"tick_s": 600.0}))
    maintenance.start()
    eventually(lambda: maintenance.leads)
    board.submit_many(300)
    board.announce(agents=300)
    eventually(lambda: len(board.delivered()) == 300)
    maintenance.stop()


def test_more_than_a_batch_is_done_in_one_tick(maintenance: Maintenance, board: Board) -> None:
    ids = board.submit_many(450)
    for job_id in ids:
        board.start(job_id)
    board.client.zadd(board.keys.leases, dict.fromkeys(ids, 0))
    maintenance.tick()
    assert board.client.zcard(board.keys.leases) == 0


def test_it_goes_on_until_it_is_stopped(settings: Settings, board: Board) -> None:
    maintenance = Maintenance("worker-1", connect(settings.url), settings)
    maintenance.start()
    eventually(lambda: maintenance.leads)
    job_id = board.submit()
    board.start(job_id)
    board.client.zadd(board.keys.leases, {job_id: 0})
    eventually(lambda: board.state(job_id) is JobState.QUEUED)
    maintenance.stop()
    maintenance.stop()
    assert not maintenance.leads


def test_a_worker_that_starts_while_redis_refuses_makes_itself_known_as_soon_as_it_does_not(
    settings: Settings, board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    facts = WorkerFacts(name="worker-1", slots={"agents": 7})
    presence = Presence("worker-1", connect(settings.url), settings, lambda: facts)
    with refusing(settings.url, "READONLY"):
        presence.start(REGISTRY)
        eventually(lambda: "redis_unavailable" in caplog.text)
    eventually(lambda: board.client.hget(board.keys.slots, "agents") == b"7")
    assert board.client.hexists(board.keys.kinds, "test.echo")
    presence.stop()


def test_a_worker_is_known_from_its_start_to_its_stop(settings: Settings, board: Board) -> None:
    presence = Presence(
        "worker-1", connect(settings.url), settings, lambda: WorkerFacts(name="worker-1", slots={"agents": 7})
    )
    presence.start(REGISTRY)
    eventually(lambda: board.client.hget(board.keys.slots, "agents") == b"7")
    assert board.client.hexists(board.keys.kinds, "test.echo")
    presence.stop()
    presence.stop()
    assert not board.client.exists(board.keys.slots, board.keys.worker("worker-1"))
    assert board.client.hexists(board.keys.kinds, "test.echo")


def test_a_redis_that_has_lost_everything_is_told_the_kinds_again(settings: Settings, board: Board) -> None:
    facts = WorkerFacts(name="worker-1", slots={"agents": 7}, kinds=("test.echo",))
    presence = Presence("worker-1", connect(settings.url), settings, lambda: facts)
    presence.start(REGISTRY)
    eventually(lambda: board.client.hexists(board.keys.kinds, "test.echo"))
    board.client.delete(board.keys.kinds)
    eventually(lambda: board.client.hexists(board.keys.kinds, "test.echo"))
    presence.stop()


def test_a_tick_queues_what_a_limit_has_room_for_again(maintenance: Maintenance, board: Board) -> None:
    held = board.submit()
    limited = Failure(code="limited", message="no room")
    assert board.finish(board.start(held), Deferred(limited, 60, "openai/gpt-4o", "rate", "openai/gpt-4o"))
    assert board.state(held) is JobState.SCHEDULED
    maintenance.tick()
    assert board.state(held) is JobState.QUEUED
