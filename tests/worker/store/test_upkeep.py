"""Reap, redispatch, expire, prune, cancel, reject, elect, announce: what happens to jobs that nobody is running."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from backdesk.worker.failure import Failure
from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.events import EventDraft
from backdesk.worker.model.job import Cancelled, JobState
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from tests.support.board import NOON_MS, Board, Clock

HOUR_S = 3600


# Reap


def test_a_job_whose_lease_ran_out_is_queued_again(board: Board, clock: Clock) -> None:
    board.start(board.submit("a"))
    clock.advance(board.settings.lease_s)
    assert board.reap() == ["a"]
    assert board.state("a") is JobState.QUEUED
    event = board.events("a")[-1]
    assert (event.type, event.data["code"], event.data["crashes"]) == ("retrying", "worker_lost", 1)


def test_a_lease_that_has_not_run_out_is_left_alone(board: Board, clock: Clock) -> None:
    board.start(board.submit("a"))
    clock.advance(board.settings.lease_s - 0.001)
    assert board.reap() == []
    assert board.state("a") is JobState.RUNNING


def test_what_is_taken_back_is_delivered_again(board: Board) -> None:
    board.submit("a")
    board.take_delivery()
    board.start("a")
    board.lose("a")
    assert board.delivered() == ["a"]


def test_what_is_taken_back_stands_in_front_of_its_tenants_line(board: Board) -> None:
    board.announce(agents=1)
    ids = board.submit_many(10)
    first = board.take_delivery()
    assert first == ids[0]
    board.start(first)
    board.lose(first)
    window = board.delivered()
    order = list(iter(board.run_next, None))
    assert order.index(first) == len([job_id for job_id in window if job_id != first])


def test_a_job_that_took_down_the_allowed_number_of_workers_is_poison(board: Board) -> None:
    board.submit("a")
    for _ in range(board.settings.max_crashes):
        assert board.state("a") is JobState.QUEUED
        board.start("a")
        board.lose("a")
    record = board.record("a")
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert record.error.code == "poison"
    assert "3 times" in record.error.message
    assert board.event_types("a") == ["queued", "started", "retrying", "started", "retrying", "started", "failed"]


@pytest.mark.parametrize("progress", ["step", "checkpoint"])
def test_a_job_that_comes_further_with_each_attempt_is_no_poison(board: Board, progress: str) -> None:
    board.submit("a")
    for number in range(board.settings.max_crashes + 1):
        claim = board.start("a")
        if progress == "step":
            board.run(board.transitions.remember(claim, f"step:{number}", b'{"state":"done","value":1}'))
        else:
            board.run(board.transitions.checkpoint(claim, b"1"))
        board.lose("a")
        assert board.record("a").crashes == 1
    assert board.state("a") is JobState.QUEUED


def test_to_have_begun_something_is_no_progress(board: Board) -> None:
    board.submit("a")
    for number in range(board.settings.max_crashes):
        claim = board.start("a")
        board.run(board.transitions.emit(claim, number, [EventDraft("note", b"{}")]))
        board.run(board.transitions.remember(claim, "step:a", b'{"state":"started","attempt":%d}' % number))
        board.lose("a")
    assert board.record("a").crashes == board.settings.max_crashes
    assert board.state("a") is JobState.FAILED


# What keeps workers from renewing their leases


def test_while_workers_reach_redis_an_expired_lease_is_taken_at_once(board: Board, clock: Clock) -> None:
    board.start(board.submit("a"))
    for _ in range(10):
        assert board.pulse() == 0
        clock.advance(board.settings.lease_s / 10)
    assert board.reap() == ["a"]


@pytest.mark.parametrize("length", [1, 100])
def test_after_an_outage_leases_have_the_time_of_one_more(board: Board, clock: Clock, length: int) -> None:
    board.start(board.submit("a"))
    board.pulse()
    clock.advance(board.settings.lease_s * length)
    assert board.reap() == []  # by a worker that has come before all others
    assert board.pulse() == board.settings.lease_s * length * 1000
    for _ in range(4):
        assert board.reap() == []
        clock.advance(board.settings.lease_s / 4)
        board.pulse()
    assert board.reap() == ["a"]


def test_the_grace_does_not_end_with_the_worker_that_noticed(board: Board, clock: Clock) -> None:
    board.start(board.submit("a"))
    board.pulse()
    clock.advance(board.settings.lease_s)
    board.pulse()
    another = Board(board.client, board.settings, clock)
    assert another.pulse() == 0
    assert another.reap() == []


@pytest.mark.parametrize("step_s", [9, 3600, -9])
def test_running_jobs_outlive_a_clock_that_is_set_again_and_again(board: Board, clock: Clock, step_s: float) -> None:
    claims = [board.start(job_id) for job_id in board.submit_many(50)]
    leases = [(claim.job_id, claim.fence) for claim in claims]
    for _ in range(board.settings.max_crashes + 1):
        board.pulse()
        clock.advance(step_s)
        assert board.reap() == []
        board.pulse()
        assert board.reap() == []
        clock.advance(board.settings.lease_s / 3)
        board.pulse()
        assert None not in board.run(board.transitions.renew(leases))
    clock.advance(board.settings.lease_s / 3)
    board.pulse()
    assert board.reap() == []
    assert {board.state(job_id) for job_id, _ in leases} == {JobState.RUNNING}


def test_after_a_clock_that_is_set_far_back_the_lease_of_a_dead_worker_ends_in_its_time(
    board: Board, clock: Clock
) -> None:
    alive, lost = board.start(board.submit("alive")), board.start(board.submit("lost"))
    board.pulse()
    clock.advance(-10 * HOUR_S)
    board.pulse()
    for _ in range(4):
        assert board.reap() == []
        clock.advance(board.settings.lease_s / 4)
        board.pulse()
        assert board.run(board.transitions.renew([(alive.job_id, alive.fence)])) == [0]
    assert board.reap() == [lost.job_id]


def test_no_more_than_a_batch_is_taken_back_at_once(board: Board, clock: Clock) -> None:
    for job_id in board.submit_many(201):
        board.start(job_id)
    clock.advance(board.settings.lease_s)
    assert [len(board.reap()) for _ in range(3)] == [200, 1, 0]


# Redispatch


def redispatched(board: Board) -> int:
    return board.run(board.transitions.redispatch("agents"))


def test_a_delivery_that_was_lost_is_made_again(board: Board, clock: Clock) -> None:
    board.submit("a")
    assert board.take_delivery() == "a"
    clock.advance(board.settings.redispatch_after_s)
    assert redispatched(board) == 1
    assert board.delivered() == ["a"]


def test_a_delivery_that_was_lost_before_the_clock_was_set_far_back_is_made_again(board: Board, clock: Clock) -> None:
    board.submit("a")
    board.take_delivery()
    clock.advance(-10 * HOUR_S)
    assert redispatched(board) == 0
    clock.advance(board.settings.redispatch_after_s)
    assert redispatched(board) == 1


def test_a_delivery_is_given_time_to_be_claimed(board: Board, clock: Clock) -> None:
    board.submit("a")
    board.take_delivery()
    clock.advance(board.settings.redispatch_after_s - 0.001)
    assert redispatched(board) == 0


def test_a_delivery_that_still_stands_in_the_list_is_left_alone_however_long_it_waits(
    board: Board, clock: Clock
) -> None:
    board.submit_many(3)
    lost = board.take_delivery()
    clock.advance(HOUR_S)
    assert redispatched(board) == 1
    assert sorted(board.delivered()) == ["job-1", "job-2", "job-3"]
    assert board.delivered()[-1] == lost


def test_a_repeated_delivery_is_given_time_again(board: Board, clock: Clock) -> None:
    board.submit("a")
    board.take_delivery()
    clock.advance(board.settings.redispatch_after_s)
    assert redispatched(board) == 1
    board.take_delivery()
    assert redispatched(board) == 0


def test_when_the_whole_list_is_lost_everything_in_the_window_is_delivered_again(
    board: Board, client: redis.Redis, clock: Clock
) -> None:
    ids = board.submit_many(20)
    client.delete("backdesk.agents")
    clock.advance(board.settings.redispatch_after_s)
    assert redispatched(board) == 8
    assert list(iter(board.run_next, None)) == ids


def test_what_is_of_no_use_in_the_list_hides_no_loss(board: Board, client: redis.Redis, clock: Clock) -> None:
    """The message of a job that was cancelled, and whatever else somebody has put there, may be the oldest."""
    cancelled, *lost, standing = board.submit_many(8)
    board.cancel(cancelled)
    for message in client.lrange("backdesk.agents", 0, -1):
        if any(f'"{job_id}"'.encode() in message for job_id in lost):
            client.lrem("backdesk.agents", 1, text(message))
    client.rpush("backdesk.agents", "no JSON", '{"headers":7}')
    clock.advance(HOUR_S)
    assert redispatched(board) == len(lost)
    client.rpop("backdesk.agents", 2)
    assert board.delivered() == [cancelled, standing, *lost]


def test_a_look_for_lost_deliveries_reads_neither_the_window_nor_the_list_as_a_whole(
    board: Board, client: redis.Redis, clock: Clock
) -> None:
    board.announce(ttl_s=1e6, agents=700)
    for _ in range(4):
        board.submit_many(200)
        clock.advance(0.001)
    lost = [board.take_delivery() for _ in range(250)]
    clock.advance(board.settings.redispatch_after_s)
    client.config_resetstat()
    assert redispatched(board) == 200
    used = {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in client.info("commandstats").items()}
    assert "lrange" not in used
    assert used["lindex"] == 1
    assert redispatched(board) == 50
    assert redispatched(board) == 0
    assert board.delivered()[-250:] == lost


def test_a_job_delivered_twice_is_run_once(board: Board, client: redis.Redis) -> None:
    board.submit("a")
    message = client.lindex("backdesk.agents", 0)
    assert message is not None
    client.lpush("backdesk.agents", message)
    assert [board.run_next() for _ in range(3)] == ["a", "a", None]
    assert board.event_types("a") == ["queued", "started", "succeeded"]


# Expire


def test_a_job_that_did_not_begin_in_time_expires(board: Board, clock: Clock) -> None:
    board.submit("a", expires_at_ms=NOON_MS + 1000)
    board.submit("b", expires_at_ms=NOON_MS + 1000, run_at_ms=NOON_MS + HOUR_S * 1000)
    clock.advance(0.999)
    assert board.run(board.transitions.expire()) == 0
    clock.advance(0.001)
    assert board.run(board.transitions.expire()) == 2
    assert [board.state(job_id) for job_id in "ab"] == [JobState.EXPIRED, JobState.EXPIRED]
    assert board.event_types("a") == ["queued", "expired"]


def test_a_running_job_does_not_expire(board: Board, clock: Clock) -> None:
    board.submit("a", expires_at_ms=NOON_MS + 1000)
    claim = board.start("a")
    clock.advance(1)
    board.run(board.transitions.expire())
    assert board.succeed(claim)


def test_a_job_that_lost_its_worker_after_its_time_expires_without_being_claimed(board: Board, clock: Clock) -> None:
    board.submit("a", expires_at_ms=NOON_MS + 1000)
    board.start("a")
    clock.advance(1)
    board.run(board.transitions.expire())
    board.lose("a")
    board.run(board.transitions.expire())
    assert board.state("a") is JobState.EXPIRED


def test_an_expired_job_makes_room_in_the_window(board: Board, clock: Clock) -> None:
    board.submit_many(8, expires_at_ms=NOON_MS + 1000)
    late = board.submit()
    clock.advance(1)
    board.run(board.transitions.expire())
    assert late in board.delivered()


# Prune


def prune(board: Board) -> int:
    return board.run(board.transitions.prune())


def test_a_job_is_forgotten_after_the_retention_with_everything_that_names_it(
    board: Board, client: redis.Redis, clock: Clock
) -> None:
    for job_id in "ab":
        board.submit(job_id, idempotency_key=job_id, run_at_ms=None)
    board.succeed(board.start("a"))
    board.run(board.transitions.cancel("b", "no use"))
    clock.advance(board.settings.succeeded_retention_s - 0.001)
    assert prune(board) == 0
    clock.advance(0.001)
    assert prune(board) == 1
    clock.advance(board.settings.retention_s)
    assert prune(board) == 1
    left = {text(key) for key in client.keys("*")}
    of_the_queue = {board.keys.virtual_time("agents"), board.keys.departed("agents"), "backdesk.agents"}
    of_the_day = {board.keys.stats("2026-03-01", "acme", "test.echo"), board.keys.stats_of_day("2026-03-01")}
    assert left <= of_the_queue | of_the_day | {board.keys.arrivals, board.keys.flow, board.keys.ends}


def test_a_job_that_has_not_ended_is_not_pruned_however_old(board: Board, clock: Clock) -> None:
    board.submit("a")
    clock.advance(10 * board.settings.retention_s)
    prune(board)
    assert board.state("a") is JobState.QUEUED


def test_after_pruning_an_idempotency_key_makes_a_new_job(board: Board, clock: Clock) -> None:
    board.submit("a", idempotency_key="k")
    board.succeed(board.start("a"))
    clock.advance(board.settings.retention_s)
    prune(board)
    assert board.submit("b", idempotency_key="k") == "b"


def test_what_was_kept_too_long_because_nobody_led_is_forgotten_by_batches_with_its_places_in_the_indexes(
    board: Board, client: redis.Redis, clock: Clock
) -> None:
    ids = [job_id for tenant in ("acme", "other") for job_id in board.submit_many(150, tenant=tenant)]
    for job_id in ids:
        board.run(board.transitions.cancel(job_id, "no use"))
    clock.advance(100 * board.settings.retention_s)
    assert {board.state(job_id) for job_id in ids} == {JobState.CANCELLED}
    assert [prune(board) for _ in range(3)] == [200, 100, 0]
    assert not client.exists(board.keys.tenants, board.keys.tenant_jobs("acme"), board.keys.state("cancelled"))


def commands_of_a_pruning(board: Board, client: redis.Redis) -> int:
    for job_id in board.submit_many(200):
        board.run(board.transitions.cancel(job_id, "no use"))
    board.clock.advance(board.settings.retention_s)
    client.config_resetstat()
    assert prune(board) == 200
    stats: dict[str, Any] = client.info("commandstats")
    return sum(each["calls"] for each in stats.values())


def test_what_pruning_costs_does_not_depend_on_how_many_tenants_there_are(board: Board, client: redis.Redis) -> None:
    alone = commands_of_a_pruning(board, client)
    client.sadd(board.keys.tenants, *(f"tenant-{number}" for number in range(50_000)))
    assert commands_of_a_pruning(board, client) <= alone <= 200 * 8 + 10
    client.delete(board.keys.tenants)


def test_a_job_whose_record_was_taken_out_by_hand_does_not_hold_up_the_pruning(
    board: Board, client: redis.Redis, clock: Clock
) -> None:
    board.succeed(board.start(board.submit("a")))
    record: Any = client.dump(board.keys.job("a"))
    client.delete(board.keys.job("a"))
    clock.advance(board.settings.retention_s)
    assert [prune(board), prune(board)] == [1, 0]
    client.restore(board.keys.job("a"), 0, record)
    client.flushall()


def test_a_record_that_is_none_does_not_hold_up_the_pruning(board: Board, client: redis.Redis, clock: Clock) -> None:
    for job_id in ("a", "b"):
        board.succeed(board.start(board.submit(job_id)))
        clock.advance(1)
    client.set(board.keys.job("a"), "by hand")
    clock.advance(board.settings.retention_s)
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        prune(board)
    assert prune(board) == 1
    assert board.find("b") is None
    client.flushall()


def test_who_has_departed_is_forgotten_as_the_others_pass(board: Board, client: redis.Redis) -> None:
    for number in range(30):
        board.submit(tenant=f"tenant-{number}")
    while board.run_next():
        pass
    for _ in range(5):
        board.submit(tenant="acme")
        board.run_next()
    assert client.zcard(board.keys.departed("agents")) <= 1


def test_of_tenants_that_never_come_again_not_all_are_remembered(board: Board, client: redis.Redis) -> None:
    departed = board.keys.departed("agents")
    client.zadd(departed, {f"tenant-{number}": 1000 + number for number in range(12_000)})
    board.submit()
    board.run_next()
    assert client.zcard(departed) == 10_000
    assert client.zscore(departed, "tenant-11999") is not None


# Cancel


def cancelled(board: Board, job_id: str, reason: str = "no use") -> tuple[bool, str]:
    return board.run(board.transitions.cancel(job_id, reason))


@pytest.mark.parametrize("run_at_ms", [None, NOON_MS + 1000])
def test_a_job_that_has_not_begun_can_be_cancelled(board: Board, run_at_ms: int | None) -> None:
    board.submit("a", run_at_ms=run_at_ms)
    assert cancelled(board, "a", 'changed "mind"') == (True, "cancelled")
    record = board.record("a")
    assert record.state is JobState.CANCELLED
    assert record.error is not None
    assert (record.error.code, record.error.message) == ("cancelled", 'changed "mind"')
    assert board.event_types("a")[-1] == "cancelled"


def test_a_job_that_waits_in_its_line_can_be_cancelled(board: Board) -> None:
    ids = board.submit_many(12)
    assert cancelled(board, ids[-1])[0]
    assert list(iter(board.run_next, None)) == ids[:-1]


def test_cancelling_twice_is_cancelling_once(board: Board) -> None:
    board.submit("a")
    assert [cancelled(board, "a")[0] for _ in range(2)] == [True, True]
    assert board.event_types("a") == ["queued", "cancelled"]


def test_a_running_job_is_asked_to_stop_and_ends_when_its_attempt_does(board: Board, client: redis.Redis) -> None:
    claim = board.start(board.submit("a"))
    assert cancelled(board, "a", "enough") == (True, "running")
    assert client.hgetall(board.keys.stopping) == {b"a": b'cancel:"enough"'}
    assert board.record("a").cancelling
    board.finish(claim, Cancelled(Failure(code="cancelled", message="enough")))
    assert board.state("a") is JobState.CANCELLED


def test_a_job_that_has_ended_cannot_be_cancelled(board: Board) -> None:
    board.succeed(board.start(board.submit("a")))
    assert cancelled(board, "a") == (False, "succeeded")


def test_an_unknown_job_cannot_be_cancelled(board: Board) -> None:
    assert cancelled(board, "never") == (False, "")


# Reject

REASON = Failure(code="invalid_request", message="text: missing", category="validation", fields={"text": "missing"})


def test_a_refused_message_is_recorded_as_a_failed_job(board: Board) -> None:
    assert board.run(board.transitions.reject("a", "no such kind", "acme", REASON))
    record = board.record("a")
    assert (record.state, record.error, record.kind, record.attempt) == (JobState.FAILED, REASON, "no such kind", 0)
    assert board.event_types("a") == ["failed"]


def test_a_message_refused_twice_is_recorded_once(board: Board) -> None:
    assert [board.run(board.transitions.reject("a", "k", "acme", REASON)) for _ in range(2)] == [True, False]
    assert board.event_types("a") == ["failed"]


def test_a_refused_message_does_not_touch_the_job_that_has_its_id(board: Board) -> None:
    board.submit("a")
    assert not board.run(board.transitions.reject("a", "k", "acme", REASON))
    assert board.state("a") is JobState.QUEUED


# Elect


def elected(board: Board, worker: str, term_ms: int = 60_000) -> bool:
    return board.run(board.transitions.elect(worker, term_ms))


def test_one_worker_leads(board: Board) -> None:
    assert [elected(board, name) for name in ("one", "two", "one")] == [True, False, True]


def test_another_takes_over_when_the_term_has_ended(board: Board, client: redis.Redis) -> None:
    elected(board, "one")
    assert 0 < client.pttl(board.keys.leader) <= 60_000
    client.delete(board.keys.leader)
    assert elected(board, "two")
    assert not elected(board, "one")


# Announce


def slots(board: Board) -> dict[Any, Any]:
    return dict(board.client.hgetall(board.keys.slots))


def test_the_slots_of_all_live_workers_are_added_up(board: Board) -> None:
    assert board.announce("one", agents=100) == 1
    assert board.announce("two", agents=50, tools=2) == 2
    assert slots(board) == {b"agents": b"150", b"tools": b"2"}


def test_a_worker_that_announces_again_counts_once(board: Board) -> None:
    assert [board.announce("one", agents=100) for _ in range(3)] == [1, 1, 1]
    assert slots(board) == {b"agents": b"100"}


def test_a_worker_that_is_no_longer_heard_of_is_forgotten(board: Board, clock: Clock, client: redis.Redis) -> None:
    board.announce("one", ttl_s=6, agents=100)
    clock.advance(4)
    board.announce("two", ttl_s=6, agents=10)
    clock.advance(2)
    client.delete(board.keys.worker("one"))
    assert board.announce("two", ttl_s=6, agents=10) == 1
    assert slots(board) == {b"agents": b"10"}


def test_a_worker_that_leaves_takes_its_slots_along(board: Board, client: redis.Redis) -> None:
    board.announce("one", agents=100)
    assert board.announce("one", ttl_s=0) == 0
    assert slots(board) == {}
    assert not client.exists(board.keys.worker("one"))


def test_a_kind_stays_known_for_as_long_as_jobs_are_kept_after_its_last_worker(board: Board, clock: Clock) -> None:
    facts = {"slots": {"agents": 1}, "kinds": ["test.echo"]}
    assert board.run(board.transitions.announce("one", 6000, facts)) == (1, 1, [])
    assert board.run(board.transitions.announce("one", 6000, facts, {"test.echo": '{"queue":"agents"}'})) == (1, 0, [])
    clock.advance(board.settings.retention_s)
    assert board.run(board.transitions.announce("one", 6000, facts)) == (1, 0, [])
    board.announce("one", ttl_s=0)
    clock.advance(board.settings.retention_s - 1)
    board.announce("two", agents=1)
    assert board.client.hkeys(board.keys.kinds) == [b"test.echo"]
    clock.advance(2)
    board.announce("two", agents=1)
    assert not board.client.exists(board.keys.kinds, board.keys.kinds_seen)


def test_with_a_kind_and_the_last_of_a_queue_what_was_learned_of_them_is_forgotten(board: Board, clock: Clock) -> None:
    def announce(worker: str, *kinds: str) -> None:
        contracts = {kind: KindContract(kind=kind, queue="agents").model_dump_json() for kind in kinds}
        facts = {"slots": {"agents": 1}, "kinds": list(kinds)}
        board.run(board.transitions.announce(worker, 6000, facts, contracts))

    def learned() -> set[str]:
        return {text(name) for name in board.client.hkeys(board.keys.flow)}

    announce("one", "test.echo", "test.other")
    board.submit("a")
    board.run_next()
    assert learned() == {"cost test.echo", "seconds agents"}
    clock.advance(board.settings.retention_s / 2)
    announce("one", "test.other")
    clock.advance(board.settings.retention_s / 2 + 1)
    announce("one", "test.other")
    assert learned() == {"seconds agents"}
    assert board.client.exists(board.keys.virtual_time("agents"))
    board.announce("one", ttl_s=0)
    clock.advance(board.settings.retention_s + 1)
    board.announce("two", tools=1)
    assert learned() == set()
    assert not board.client.exists(board.keys.virtual_time("agents"), board.keys.departed("agents"), board.keys.kinds)


def test_an_announcement_expires_by_itself(board: Board, client: redis.Redis) -> None:
    board.announce("one", ttl_s=6, agents=100)
    assert 0 < client.pttl(board.keys.worker("one")) <= 6000


def test_settings_decide_how_many_crashes_are_too_many(client: redis.Redis, settings: Settings, clock: Clock) -> None:
    board = Board(client, settings.model_copy(update={"max_crashes": 1}), clock)
    board.start(board.submit("a"))
    board.lose("a")
    assert board.state("a") is JobState.FAILED
