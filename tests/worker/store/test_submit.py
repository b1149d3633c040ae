"""Submit: one atomic step that writes new jobs, finds old ones again, and parks what is for later."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from backdesk.worker.model.job import JobState
from backdesk.worker.store.calls import text
from backdesk.worker.store.jobs import SubmitCode
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.moments import milliseconds
from backdesk.worker.store.records import read_event
from tests.support.board import NOON_MS, Board, Clock
from tests.support.listening import heard, listening


def submitted(board: Board, **fields: Any) -> tuple[SubmitCode, str]:
    ((code, found),) = board.run(board.transitions.submit([board.job(**fields)]))
    return code, found


# The record


def test_a_new_job_is_queued(board: Board) -> None:
    assert submitted(board, job_id="a") == (SubmitCode.CREATED, "a")
    assert board.state("a") is JobState.QUEUED


def test_the_record_holds_what_was_asked_for(board: Board) -> None:
    board.submit(
        "a",
        kind="test.sleep",
        tenant="globex",
        priority=7,
        request={"n": 1, "name": "ünïcödé"},
        metadata=b'{"ticket":7}',
        idempotency_key="k:1",
        expires_at_ms=NOON_MS + 60_000,
    )
    record = board.record("a")
    assert (record.kind, record.tenant, record.queue, record.priority) == ("test.sleep", "globex", "agents", 7)
    assert (record.request, record.metadata) == ({"n": 1, "name": "ünïcödé"}, {"ticket": 7})
    assert (record.idempotency_key, record.attempt, record.events) == ("k:1", 0, 1)
    assert record.created_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert record.expires_at == datetime(2026, 3, 1, 12, 1, tzinfo=UTC)
    assert (record.result, record.error, record.worker, record.started_at, record.finished_at) == (None,) * 5


def test_an_unknown_job_has_no_record(board: Board) -> None:
    assert board.find("never") is None


# Found again


def test_the_same_id_with_the_same_request_finds_the_job_and_changes_nothing(board: Board, client: redis.Redis) -> None:
    board.submit("a")
    before = client.hgetall(board.keys.job("a")), board.log("a"), board.delivered()
    assert submitted(board, job_id="a") == (SubmitCode.EXISTING, "a")
    assert (client.hgetall(board.keys.job("a")), board.log("a"), board.delivered()) == before


def test_the_same_id_with_another_request_is_a_conflict(board: Board) -> None:
    board.submit("a")
    assert submitted(board, job_id="a", request={"text": "other"}) == (SubmitCode.CONFLICT, "a")
    assert board.record("a").request == {"text": "hello"}


def test_the_same_id_with_another_kind_is_a_conflict(board: Board) -> None:
    board.submit("a")
    assert submitted(board, job_id="a", kind="test.sleep") == (SubmitCode.CONFLICT, "a")


def test_the_same_idempotency_key_finds_the_job_under_its_first_id(board: Board) -> None:
    board.submit("a", idempotency_key="k")
    assert submitted(board, job_id="b", idempotency_key="k") == (SubmitCode.EXISTING, "a")
    assert board.find("b") is None


def test_the_same_idempotency_key_with_another_request_is_a_conflict(board: Board) -> None:
    board.submit("a", idempotency_key="k")
    assert submitted(board, job_id="b", idempotency_key="k", request={"n": 2}) == (SubmitCode.CONFLICT, "a")


def test_an_idempotency_key_belongs_to_its_tenant(board: Board) -> None:
    board.submit("a", idempotency_key="k", tenant="acme")
    assert submitted(board, job_id="b", idempotency_key="k", tenant="globex") == (SubmitCode.CREATED, "b")


def test_an_idempotency_key_still_finds_a_job_that_has_ended(board: Board) -> None:
    board.submit("a", idempotency_key="k")
    board.succeed(board.start("a"))
    assert submitted(board, job_id="b", idempotency_key="k") == (SubmitCode.EXISTING, "a")


# Many at once


def test_many_jobs_go_in_one_call_and_are_answered_in_their_order(board: Board) -> None:
    board.submit("old")
    jobs = [board.job("a"), board.job("old"), board.job("b"), board.job("old", request={"n": 2}), board.job("a")]
    assert board.run(board.transitions.submit(jobs)) == [
        (SubmitCode.CREATED, "a"),
        (SubmitCode.EXISTING, "old"),
        (SubmitCode.CREATED, "b"),
        (SubmitCode.CONFLICT, "old"),
        (SubmitCode.EXISTING, "a"),
    ]


def test_no_job_at_all_is_no_error(board: Board) -> None:
    assert board.run(board.transitions.submit([])) == []


# Later


def test_a_job_for_later_is_parked(board: Board) -> None:
    board.submit("a", run_at_ms=NOON_MS + 1500)
    assert board.state("a") is JobState.SCHEDULED
    assert board.delivered() == []
    (event,) = board.events("a")
    assert (event.type, event.data) == ("scheduled", {"run_at": "2026-03-01T12:00:01.500Z"})


@pytest.mark.parametrize("run_at_ms", [NOON_MS, NOON_MS - 1, 0])
def test_a_job_whose_time_has_come_already_is_queued_at_once(board: Board, run_at_ms: int) -> None:
    board.submit("a", run_at_ms=run_at_ms)
    assert board.state("a") is JobState.QUEUED


def test_a_parked_job_is_queued_when_its_time_has_come_and_not_before(board: Board, clock: Clock) -> None:
    board.submit("a", run_at_ms=NOON_MS + 1500)
    clock.advance(1.499)
    assert board.run(board.transitions.promote()) == 0
    assert board.state("a") is JobState.SCHEDULED
    clock.advance(0.001)
    assert board.run(board.transitions.promote()) == 1
    assert board.state("a") is JobState.QUEUED
    assert board.delivered() == ["a"]
    assert board.event_types("a") == ["scheduled", "queued"]


def test_promoting_twice_queues_once(board: Board, clock: Clock) -> None:
    board.submit("a", run_at_ms=NOON_MS + 1000)
    clock.advance(1)
    assert [board.run(board.transitions.promote()) for _ in range(2)] == [1, 0]
    assert board.delivered() == ["a"]


# Events


def heard_of(board: Board, client: redis.Redis, *channels: str) -> list[dict[str, Any]]:
    """The messages of the submit of a job `a`."""
    with listening(client, *channels) as listener:
        board.submit("a", kind="test.echo", tenant="acme", priority=3)
        return heard(listener, len(channels))


def test_an_event_is_the_json_object_of_the_contract(board: Board, client: redis.Redis) -> None:
    (message,) = heard_of(board, client, "backdesk:progress:a")
    assert json.loads(message["data"]) == {
        "v": 1,
        "seq": 1,
        "job_id": "a",
        "kind": "test.echo",
        "tenant": "acme",
        "attempt": 0,
        "at": "2026-03-01T12:00:00.000Z",
        "type": "queued",
        "data": {"queue": "agents", "priority": 3},
    }


def test_an_event_is_published_to_the_jobs_channel_and_to_the_tenants(board: Board, client: redis.Redis) -> None:
    messages = heard_of(board, client, "backdesk:progress:a", "backdesk:progress:tenant:acme")
    assert {message["channel"] for message in messages} == {
        board.keys.progress("a").encode(),
        board.keys.tenant_progress("acme").encode(),
    }
    assert [read_event(message["data"]) for message in messages] == board.events("a") * 2


def test_the_numbers_of_a_jobs_events_count_from_one_without_gaps(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.emit(claim, "progress", "note", "progress")
    board.emit(claim, "note", first=3)
    board.succeed(claim)
    assert [event.seq for event in board.events("a")] == [1, 2, 3, 4, 5, 6, 7]


# Names


def test_two_prefixes_on_one_server_do_not_meet(board: Board, client: redis.Redis) -> None:
    other = Board(client, board.settings.model_copy(update={"prefix": "other"}), board.clock)
    board.submit("a")
    other.submit("a", request={"text": "another"})
    assert board.record("a").request != other.record("a").request
    assert (board.delivered(), other.delivered()) == (["a"], ["a"])
    assert {re.split("[:.]", text(key))[0] for key in client.keys("*")} == {"backdesk", "other"}


def test_a_key_is_documented_for_each_name_in_use(board: Board, client: redis.Redis) -> None:
    board.submit("a", idempotency_key="k")
    assert client.get(Keys("backdesk").idempotency("acme", "k")) == b"a"


def test_a_time_from_now_counts_by_the_clock_of_redis(board: Board, clock: Clock) -> None:
    board.submit("a", run_at_ms="+1500", expires_at_ms="+60000", start_by_ms="+30000")
    record = board.record("a")
    times = [record.run_at, record.expires_at, record.start_by]
    assert [milliseconds(each) - clock.now_ms for each in times if each] == [1500, 60_000, 30_000]
    assert board.take_delivery() is None
    clock.advance(1.5)
    board.promote()
    assert board.take_delivery() == "a"


@pytest.mark.parametrize("now", ["", "+0"])
def test_no_time_from_now_is_now(board: Board, now: str) -> None:
    board.submit("a", run_at_ms=now)
    assert board.take_delivery() == "a"
