"""Services with Celery and without backdesk: they send tasks, link and chain them, and wait for results as ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery import chain, chord, group

from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobState
from backdesk.worker.store.records import read_event
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.listening import heard, listening
from tests.support.plain import MALFORMED, plain_celery
from tests.support.workers import Fleet

#: Celery's result backend calls it; no code of ours does.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")


@pytest.fixture
def shop(fleet: Fleet) -> Iterator[Any]:
    with plain_celery(fleet.url, task_default_queue=fleet.settings.inbox) as app:
        yield app


def echo(app: Any, text: str = "hi", kind: str = "test.echo", **options: Any) -> Any:
    return app.signature(kind, kwargs={"request": {"text": text}}, **options)


def test_a_task_sent_by_name_runs_as_a_job_with_its_id(fleet: Fleet, shop: Any) -> None:
    sent = shop.send_task("test.echo", kwargs={"request": {"text": "hi"}, "tenant": "globex", "slots": 2})
    assert sent.get(timeout=PATIENCE_S) == {"text": "hi"}
    record = fleet.jobs.get(sent.id)
    assert (record.state, record.tenant, record.slots) == (JobState.SUCCEEDED, "globex", 2)


@pytest.mark.parametrize("kind", ["test.echo_def", "test.tool", "test.tool_async"])
def test_every_kind_can_be_asked_for(shop: Any, kind: str) -> None:
    assert shop.send_task(kind, kwargs={"request": {"text": "hi"}}).get(timeout=PATIENCE_S) == {"text": "hi"}


def test_a_task_that_fails_raises_at_the_caller(shop: Any) -> None:
    sent = shop.send_task("test.end", kwargs={"request": {"text": "task_error"}})
    with pytest.raises(Exception, match="there is none left"):
        sent.get(timeout=PATIENCE_S)


def test_an_attempt_that_is_followed_by_another_is_a_retry_with_its_reason(fleet: Fleet, shop: Any) -> None:
    sent = shop.send_task("test.busy_once", kwargs={"request": {"n": 600.0}})
    eventually(lambda: sent.state == "RETRY", what="the retry")
    assert "again in" in repr(sent.result)
    fleet.redis.zadd(fleet.board.keys.due, {sent.id: 0})
    assert sent.get(timeout=PATIENCE_S) == {"n": 600.0, "flag": ""}
    assert sent.state == "SUCCESS"


@pytest.mark.parametrize(
    ("kind", "request_", "reason"),
    [
        ("test.echo", {"text": 7}, "text"),
        ("no.such", {}, "no worker has announced"),
        ("test.tool", {"more": 1}, "more"),
    ],
)
def test_a_request_that_is_refused_raises_at_the_caller(
    fleet: Fleet, shop: Any, kind: str, request_: dict[str, Any], reason: str
) -> None:
    sent = shop.send_task(kind, kwargs={"request": request_})
    with pytest.raises(Exception, match=reason):
        sent.get(timeout=PATIENCE_S)
    assert fleet.jobs.get(sent.id).state is JobState.FAILED


def test_a_countdown_waits_in_the_store(fleet: Fleet, shop: Any) -> None:
    sent = shop.send_task("test.echo", kwargs={"request": {}}, countdown=600)
    eventually(lambda: fleet.board.find(sent.id))
    assert fleet.board.state(sent.id) is JobState.SCHEDULED
    fleet.redis.zadd(fleet.board.keys.due, {sent.id: 0})
    assert sent.get(timeout=PATIENCE_S) == {"text": "hello"}


def test_a_link_runs_with_the_result(fleet: Fleet, shop: Any) -> None:
    link = shop.signature("test.echo", task_id="linked-1")
    shop.send_task("test.echo", kwargs={"request": {"text": "handed on"}}, link=link).get(timeout=PATIENCE_S)
    eventually(lambda: fleet.board.find("linked-1"))
    assert fleet.jobs.result("linked-1", timeout=PATIENCE_S) == {"text": "handed on"}


@pytest.mark.parametrize(
    ("kind", "request_"), [("test.end", {"text": "exception"}), ("test.echo", {"text": 7}), ("no.such", {})]
)
def test_an_error_link_runs_when_the_task_fails(fleet: Fleet, shop: Any, kind: str, request_: dict[str, Any]) -> None:
    name = f"errback-{kind}-{request_.get('text', '')}"
    errback = echo(shop, "sorry", task_id=name, immutable=True)
    shop.send_task(kind, kwargs={"request": request_}, link_error=errback)
    eventually(lambda: fleet.board.find(name), what="the job of the error link")
    assert fleet.jobs.result(name, timeout=PATIENCE_S) == {"text": "sorry"}


def test_a_chain_hands_each_result_on(shop: Any) -> None:
    steps = chain(echo(shop, "through"), shop.signature("test.tool"), shop.signature("test.echo_def"), app=shop)
    assert steps.apply_async().get(timeout=PATIENCE_S) == {"text": "through"}


def test_a_chain_stops_at_a_step_that_fails(shop: Any) -> None:
    steps = chain(echo(shop, "exception", "test.end"), shop.signature("test.echo"), app=shop)
    with pytest.raises(Exception, match="it broke"):
        steps.apply_async().get(timeout=PATIENCE_S)


def test_a_group_collects_its_results(shop: Any) -> None:
    members = group([echo(shop, "one"), echo(shop, "two", "test.tool")], app=shop)
    assert members.apply_async().get(timeout=PATIENCE_S) == [{"text": "one"}, {"text": "two"}]


def test_a_chord_runs_its_body_when_the_last_member_has_ended(shop: Any) -> None:
    header = [echo(shop, "one"), echo(shop, "two", "test.tool")]
    body = echo(shop, "both", "test.echo", immutable=True)
    assert chord(header, app=shop)(body).get(timeout=PATIENCE_S) == {"text": "both"}


def test_a_task_that_expires_before_it_begins_is_told_to_its_sender(fleet: Fleet, shop: Any) -> None:
    sent = shop.send_task("test.echo", kwargs={"request": {}}, countdown=60, expires=1)
    with pytest.raises(Exception, match="not started in time"):
        sent.get(timeout=PATIENCE_S)
    assert fleet.jobs.get(sent.id).state is JobState.EXPIRED


def test_a_task_that_is_cancelled_is_told_to_its_sender(fleet: Fleet, shop: Any) -> None:
    sent = shop.send_task("test.echo", kwargs={"request": {}}, countdown=60)
    eventually(lambda: fleet.board.find(sent.id))
    fleet.jobs.cancel(sent.id, "changed my mind")
    with pytest.raises(Exception, match="changed my mind"):
        sent.get(timeout=PATIENCE_S)


def test_a_caller_is_not_told_of_a_failure_when_its_task_only_runs_again(fleet: Fleet, shop: Any) -> None:
    sent = shop.send_task("test.kill_child", kwargs={"request": {"n": 1}})
    assert sent.get(timeout=PATIENCE_S) == {"n": 1, "flag": ""}
    assert fleet.jobs.get(sent.id).attempt >= 2


def test_everybody_with_a_redis_client_sees_every_event(fleet: Fleet, shop: Any) -> None:
    with listening(fleet.redis, pattern="backdesk:progress:*") as listener:
        sent = shop.send_task("test.steps", kwargs={"request": {"n": 5}, "tenant": "listened"})
        sent.get(timeout=PATIENCE_S)
        log = fleet.board.events(sent.id)
        told: dict[bytes, list[JobEvent]] = {}
        for message in heard(listener, 2 * len(log)):
            told.setdefault(message["channel"], []).append(read_event(message["data"]))
    keys = fleet.board.keys
    assert told == {keys.progress(sent.id).encode(): log, keys.tenant_progress("listened").encode(): log}


LISTS = ("backdesk.inbox", "backdesk.agents", "backdesk.tools", "backdesk.inbox\x06\x163")


def test_no_malformed_item_on_any_list_stops_the_workers(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    workers = [fleet.begin_worker("agents", slots=2), fleet.begin_worker("tools", slots=2)]
    for worker in workers:
        fleet.wait_for(worker)
    for name in LISTS:
        for item in MALFORMED.values():
            fleet.redis.lpush(name, item)
    eventually(lambda: not any(map(fleet.redis.llen, LISTS)), what="the end of the malformed items")
    assert all(worker.alive for worker in workers)
    for kind in ("test.echo", "test.tool"):
        assert fleet.jobs.submit(kind, {"text": "after"}).result(timeout=PATIENCE_S) == {"text": "after"}
    with plain_celery(fleet.url, task_default_queue=fleet.settings.inbox) as shop:
        assert echo(shop, "after").apply_async().get(timeout=PATIENCE_S) == {"text": "after"}
    assert _pids(fleet.board) == {worker.pid for worker in workers}


def _pids(board: Board) -> set[int]:
    import json

    return {
        json.loads(entry)["pid"] for entry in map(board.client.get, board.client.keys("backdesk:worker:*")) if entry
    }
