"""Dispatch: a bounded window of deliveries in Celery, filled fairly; everything else waits where order can change."""

from __future__ import annotations

import json

import pytest
import redis

from backdesk.worker.settings import Settings
from tests.support.board import Board, Clock

IDLE_WINDOW = 8


# The window


def test_while_no_worker_is_alive_a_few_deliveries_are_made(board: Board) -> None:
    ids = board.submit_many(20)
    assert board.delivered() == ids[:IDLE_WINDOW]


def test_the_idle_window_is_a_setting(client: redis.Redis, settings: Settings, clock: Clock) -> None:
    board = Board(client, settings.model_copy(update={"idle_window": 3}), clock)
    board.submit_many(20)
    assert len(board.delivered()) == 3


@pytest.mark.parametrize("slots", [1, 5, 12])
def test_the_window_is_twice_the_slots_that_workers_announce(board: Board, slots: int) -> None:
    board.announce(agents=slots)
    board.submit_many(40)
    assert len(board.delivered()) == 2 * slots


def test_slots_that_appear_widen_the_window_at_once(board: Board) -> None:
    board.submit_many(40)
    board.announce("worker-1", agents=6)
    assert len(board.delivered()) == 12
    board.announce("worker-2", agents=6)
    assert len(board.delivered()) == 24


def test_each_queue_has_its_own_window(board: Board) -> None:
    board.submit_many(20)
    board.submit_many(20, queue="tools")
    assert (len(board.delivered("agents")), len(board.delivered("tools"))) == (IDLE_WINDOW, IDLE_WINDOW)


def test_a_claim_makes_room_for_one_more_delivery(board: Board) -> None:
    ids = board.submit_many(20)
    taken = board.take_delivery()
    assert taken == ids[0]
    board.start(taken)
    assert board.delivered() == ids[1 : IDLE_WINDOW + 1]


def test_a_withdrawn_delivery_makes_room_too(board: Board) -> None:
    ids = board.submit_many(20)
    board.run(board.transitions.cancel(ids[3], "no use"))
    assert board.delivered() == ids[: IDLE_WINDOW + 1]


def test_every_job_is_delivered_once_in_the_end(board: Board) -> None:
    ids = board.submit_many(50)
    run = list(iter(board.run_next, None))
    assert run == ids


# The delivery


def test_a_delivery_names_the_job_and_its_kind_and_carries_no_work(board: Board, client: redis.Redis) -> None:
    board.submit("a", kind="test.sleep", tenant="globex", request={"secret": "of the customer"})
    message = client.lindex("backdesk.agents", 0)
    assert message is not None
    assert b"customer" not in message
    envelope = json.loads(message)
    assert (envelope["headers"]["id"], envelope["headers"]["task"]) == ("a", "test.sleep")
    assert envelope["headers"]["kwargsrepr"] == "tenant=globex"
    assert json.loads(envelope["body"]) == [[], {}, {}]
    assert envelope["properties"]["delivery_info"]["routing_key"] == "backdesk.agents"


def test_a_job_with_a_message_of_its_own_is_delivered_with_it(board: Board, client: redis.Redis) -> None:
    message = b'{"headers":{"id":"a","task":"test.echo"},"links":"of the caller"}'
    board.submit("a", delivery=message)
    assert client.lrange("backdesk.agents", 0, -1) == [message]


# Order


def test_jobs_of_one_tenant_and_priority_run_in_the_order_of_arrival(board: Board) -> None:
    ids = [board.submit() for _ in range(30)]
    assert list(iter(board.run_next, None)) == ids


def test_a_higher_priority_runs_first_within_a_tenant(board: Board) -> None:
    board.announce(agents=1)
    board.submit_many(2)
    waiting = {priority: board.submit(priority=priority) for priority in (0, 9, 5, 3, 7)}
    order = list(iter(board.run_next, None))
    assert order[2:] == [waiting[priority] for priority in (9, 7, 5, 3, 0)]


def test_a_higher_priority_of_one_tenant_does_not_hold_up_another(board: Board) -> None:
    board.announce(agents=1)
    loud = board.submit_many(20, tenant="loud", priority=9)
    quiet = board.submit(tenant="quiet", priority=0)
    order = list(iter(board.run_next, None))
    assert order.index(quiet) <= 4
    assert set(loud) < set(order)


def test_tenants_alternate(board: Board) -> None:
    board.announce(agents=1)
    for tenant in ("acme", "globex", "initech"):
        board.submit_many(10, tenant=tenant)
    order = [board.record(job_id).tenant for job_id in iter(board.run_next, None)]
    shared = order[4:22]
    assert [shared.count(tenant) for tenant in ("acme", "globex", "initech")] == [6, 6, 6]


def test_a_tenant_that_comes_behind_anothers_backlog_is_served_within_the_next_few(board: Board) -> None:
    board.announce(agents=2)
    board.submit_many(100, tenant="big")
    for _ in range(10):
        board.run_next()
    small = board.submit_many(3, tenant="small")
    window = len(board.delivered())
    order = [board.run_next() for _ in range(window + 6)]
    assert set(small) <= set(order)


def test_being_idle_earns_no_credit(board: Board) -> None:
    board.announce(agents=1)
    board.submit(tenant="idle")
    board.submit_many(60, tenant="busy")
    for _ in range(40):
        board.run_next()
    board.submit_many(20, tenant="idle")
    tenants = [board.record(job_id).tenant for job_id in iter(board.run_next, None)]
    assert 8 <= tenants[:20].count("busy") <= 12


@pytest.mark.parametrize("names", [("a-few", "many"), ("z-few", "many")])
def test_a_tenant_that_sends_one_job_at_a_time_takes_no_more_than_its_share(
    board: Board, names: tuple[str, str]
) -> None:
    few, many = names
    board.announce(agents=1)
    board.submit_many(40, tenant=many)
    served = []
    for _ in range(30):
        board.submit(tenant=few)
        job_id = board.run_next()
        assert job_id is not None
        served.append(board.record(job_id).tenant)
    assert 12 <= served.count(many) <= 18


def test_a_job_that_comes_back_from_a_lost_worker_runs_before_those_behind_it(board: Board) -> None:
    ids = board.submit_many(20)
    lost = board.take_delivery()
    assert lost == ids[0]
    board.start(lost)
    board.lose(lost)
    order = list(iter(board.run_next, None))
    assert order.index(lost) <= IDLE_WINDOW
    assert sorted(order) == sorted(ids)
