"""What endpoints are told of besides the ends of jobs, and that a receiver that is down is bounded."""

from __future__ import annotations

import json

import pytest

from backdesk.testing import Bench
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.schedule import Overlap, Plan
from backdesk.worker.services import webhook_relay
from backdesk.worker.store.schedules import RipeSchedule, ScheduleCalls
from backdesk.worker.store.scripts import run
from tests.kinds.webhook.hooks import Hooks
from tests.support.board import Board
from tests.support.http_site import Site, Told


def bodies(site: Site) -> list[dict[str, object]]:
    return [json.loads(each.body) for each in site.seen]


def test_moments_that_a_schedule_has_missed_are_told(hooks: Hooks, site: Site) -> None:
    made = hooks.add("schedule.missed", tenant="acme")
    settings, keys = hooks.bench.settings, hooks.client.core.keys
    generation = "g1"
    hooks.redis.hset(keys.schedule("nightly"), mapping={"generation": generation, "next": 1000})
    ripe = RipeSchedule("nightly", b"{}", generation, 0, 1000)
    plan = Plan(None, 3, 9_000_000_000_000)
    run(hooks.redis, ScheduleCalls(settings).fire(ripe, plan, Overlap.ALLOW, None, tenant="acme"))
    hooks.deliver(made)
    (body,) = bodies(site)
    assert body["type"] == "schedule.missed"
    assert body["data"] == {
        "tenant": "acme",
        "schedule": "nightly",
        "planned_at": "1970-01-01T00:00:01.000Z",
        "missed": 3,
    }


def test_many_events_of_a_receiver_that_is_down_become_so_many_deliveries_and_the_rest_wait(
    hooks: Hooks, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_relay, "MOST_UNDER_WAY", 70)
    made = hooks.add("job.queued")
    for number in range(200):
        bench.submit("test.echo", {"text": str(number)})
    hooks.service.tick()
    health = hooks.health(made)
    assert (health.under_way, health.waiting, health.dropped) == (70, 130, 0)


def test_the_deliveries_of_one_endpoint_hold_up_no_other(
    hooks: Hooks, bench: Bench, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_relay, "MOST_UNDER_WAY", 10)
    site.answers["/down"] = Told(b"", 500)
    down = hooks.add("job.queued", path="/down", tenant="busy")
    up = hooks.add("job.queued", path="/up", tenant="quiet")
    for _ in range(50):
        bench.submit("test.echo", {"text": "hello"}, tenant="busy")
    bench.submit("test.echo", {"text": "hello"}, tenant="quiet")
    hooks.deliver(up)
    assert hooks.health(up).delivered == 1
    assert hooks.health(down).waiting == 40


def test_what_ends_makes_room_for_what_waits(hooks: Hooks, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_relay, "MOST_UNDER_WAY", 1)
    made = hooks.add("job.queued")
    for _ in range(2):
        bench.submit("test.echo", {"text": "hello"})
    hooks.deliver(made)
    hooks.deliver(made)
    assert (hooks.health(made).delivered, hooks.health(made).waiting) == (2, 0)


def test_what_was_in_the_outbox_of_a_disabled_endpoint_is_delivered_when_it_is_enabled(
    hooks: Hooks, bench: Bench, site: Site
) -> None:
    made = hooks.add("job.queued")
    bench.submit("test.echo", {"text": "hello"})
    hooks.webhooks.disable(made.endpoint.id)
    bench.submit("test.echo", {"text": "hello"})
    assert hooks.deliver(made) == []
    hooks.webhooks.enable(made.endpoint.id)
    hooks.deliver(made)
    assert len(site.seen) == 1


def test_a_relay_that_repeats_what_another_has_done_makes_no_second_delivery(hooks: Hooks, bench: Bench) -> None:
    made = hooks.add("job.queued")
    bench.submit("test.echo", {"text": "hello"})
    outbox = hooks.client.core.keys.webhook_outbox(made.endpoint.id)
    before = hooks.redis.lrange(outbox, 0, -1)
    hooks.service.tick()
    hooks.redis.rpush(outbox, *before)  # as if it had not been taken out
    hooks.redis.sadd(hooks.client.core.keys.webhook_outboxes, made.endpoint.id)
    hooks.service.tick()
    assert len(hooks.webhooks.deliveries(made.endpoint.id)) == 1


def test_a_budget_that_is_used_up_is_told_once(hooks: Hooks, bench: Bench, site: Site) -> None:
    made = hooks.add("budget.reached")
    board = Board(hooks.redis, bench.settings)
    attempt = board.start(board.submit("job", budget=Budget(model_calls=1)))
    answers = [board.reserve(attempt, 1, model_calls=1)]
    assert board.book(attempt, 1, model_calls=1)
    answers += [board.reserve(attempt, number, model_calls=1) for number in (2, 3)]
    assert [type(each).__name__ for each in answers] == ["Granted", "Refusal", "Refusal"]
    hooks.deliver(made)
    (body,) = bodies(site)
    assert body["type"] == "budget.reached"
    assert body["data"]["limit"] == "model_calls"  # type: ignore[index]  # it is an object
