"""The job clients: one specification for the blocking and the asyncio one."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import time
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Any

import pytest
import redis
from pydantic import BaseModel, Field

from backdesk.client.blocking.connection import ATTEMPTS
from backdesk.client.contracts import check_of_announced
from backdesk.kinds.contracts import KINDS
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.errors import (
    IdempotencyConflict,
    InvalidRequest,
    JobFailed,
    JobNotFound,
    NotCancellable,
    PayloadTooLarge,
    ResultTimeout,
    StoreUnavailable,
    UnknownKind,
)
from backdesk.worker.failure import Failure
from backdesk.worker.model.contract import KindContract, ModelCheck
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.model.input_guard import GUARDED, InputGuard
from backdesk.worker.model.job import Failed, JobState
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.settings import Settings
from backdesk.worker.store.refusal import REMEDIES
from tests.client.conftest import Connect
from tests.support.board import Board, Clock
from tests.support.clients import Client, behind
from tests.support.eventually import PATIENCE_S, eventually_async
from tests.support.faults import FAULTS, refusing
from tests.support.kinds import Number, Text
from tests.support.ports import hold
from tests.support.proxy import Proxy
from tests.support.workers import Fleet

# Submit


async def test_a_time_from_now_holds_for_a_producer_whose_clock_is_wrong(
    jobs: Client, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Slow:
            return cls.fromtimestamp(time.time() - 90, tz)

    monkeypatch.setattr("backdesk.worker.submit.admission.datetime", Slow)
    job = await jobs.submit("test.echo", {}, expires=60, start_by=30)
    later = await jobs.submit("test.echo", {}, delay=60)
    board.start(job.id)
    record = await jobs.get(job.id)
    assert record.expires_at == record.created_at + timedelta(seconds=60)
    assert (await later.get()).state is JobState.SCHEDULED


async def test_a_submitted_job_is_in_the_store(jobs: Client, board: Board) -> None:
    job = await jobs.submit("test.echo", {"text": "hi"}, tenant="globex", priority=8, metadata={"ticket": 7})
    assert job.created
    record = board.record(job.id)
    assert (record.kind, record.tenant, record.priority, record.queue) == ("test.echo", "globex", 8, "agents")
    assert (record.request, record.metadata) == ({"text": "hi"}, {"ticket": 7})
    assert record.model_copy(update={"unserved": "queue"}) == await jobs.get(job.id), "no worker is alive here"


async def test_a_request_may_be_a_model(jobs: Client) -> None:
    job = await jobs.submit("test.echo", Text(text="hi"))
    assert (await jobs.get(job.id)).request == {"text": "hi"}


async def test_a_job_may_be_put_off(jobs: Client) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    first = await jobs.submit("test.echo", {}, delay=3600)
    second = await jobs.submit("test.echo", {}, at=later)
    for job in (first, second):
        record = await jobs.get(job.id)
        assert record.state is JobState.SCHEDULED
        assert record.run_at is not None
        assert abs(record.run_at - later) < timedelta(seconds=30)


async def test_a_job_may_have_limits_and_a_policy_of_its_own(jobs: Client) -> None:
    limits: dict[str, Any] = {"expires": 7200, "start_by": timedelta(hours=1), "timeout": 2.5}
    job = await jobs.submit("test.echo", {}, **limits, retry={"attempts": 7, "base_s": 0.5}, slots=3)
    record = await jobs.get(job.id)
    assert record.expires_at is not None
    assert record.start_by is not None
    assert record.expires_at - record.start_by == timedelta(hours=1)
    assert (record.timeout_s, record.retry) == (2.5, RetryPolicy(attempts=7, base_s=0.5))
    assert (record.slots, (await jobs.list(fields="row"))[0].slots) == (3, 3)


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_job_carries_the_trace_context_that_it_was_given_and_nothing_without(
    jobs: Client, board: Board
) -> None:
    traced, plain = await jobs.submit("test.echo", {}, traceparent=TRACEPARENT), await jobs.submit("test.echo", {})
    assert [(await each.get()).traceparent for each in (traced, plain)] == [TRACEPARENT, None]
    assert not board.client.hexists(board.keys.job(plain.id), "traceparent")
    board.fail(board.start(traced.id))
    again = await jobs.dead.replay(traced.id)
    assert (await again.get()).traceparent == TRACEPARENT


@pytest.mark.parametrize(
    ("options", "field"),
    [
        *(({"traceparent": each}, "traceparent") for each in ("", "x", TRACEPARENT.upper(), "00" + "-0" * 3)),
        ({"retry": {"attempts": 0}}, "retry.attempts"),
        ({"retry": {"wait": 1}}, "retry.wait"),
        ({"timeout": 0}, "timeout"),
        ({"start_by": -1}, "start_by"),
        ({"expires": 0}, "expires"),
        *(({"slots": slots}, "slots") for slots in (0, -1, 1001, 1.5, "2", True)),
    ],
)
async def test_a_limit_or_policy_that_cannot_be_is_refused_with_its_field(
    jobs: Client, options: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await jobs.submit("test.echo", {}, **options)
    assert list(caught.value.fields) == [field]


async def test_the_same_idempotency_key_returns_the_job_that_has_it(jobs: Client) -> None:
    first = await jobs.submit("test.echo", {}, idempotency_key="k")
    second = await jobs.submit("test.echo", {}, idempotency_key="k")
    assert (first.id, first.created, second.created) == (second.id, True, False)


async def test_the_same_id_returns_the_job_that_has_it(jobs: Client) -> None:
    first, second = [await jobs.submit("test.echo", {}, job_id="a") for _ in range(2)]
    assert (first.id, second.id, first.created, second.created) == ("a", "a", True, False)


@pytest.mark.parametrize("name", [{"job_id": "a"}, {"idempotency_key": "k", "job_id": "a"}])
async def test_the_same_name_with_another_request_is_a_conflict(jobs: Client, name: dict[str, Any]) -> None:
    await jobs.submit("test.echo", {"text": "one"}, **name)
    with pytest.raises(IdempotencyConflict) as caught:
        await jobs.submit("test.echo", {"text": "two"}, **name)
    assert caught.value.job_id == "a"


async def test_what_cannot_be_a_job_is_refused_before_anything_is_written(
    jobs: Client, connected: Connect, client: redis.Redis
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await jobs.submit("test.echo", {"text": 7})
    assert caught.value.field == "text"
    with pytest.raises(PayloadTooLarge):
        await connected(blobs_url="off").submit("test.echo", {"text": "x" * 300_000})
    with pytest.raises(InvalidRequest, match="tenant"):
        await jobs.submit("test.echo", {}, tenant="no name")
    assert client.keys("*") == []


async def test_an_unknown_kind_is_refused_with_those_that_are_announced(jobs: Client, board: Board) -> None:
    announce(board, ECHO, STEPS)
    with pytest.raises(UnknownKind, match=r"did you mean far\.echo\?") as caught:
        await jobs.submit("far.ecco", {})
    assert caught.value.known == ["far.echo", "far.steps"]


# Many


async def test_many_jobs_are_written_in_their_order(jobs: Client, board: Board) -> None:
    many = await jobs.submit_many("test.steps", ({"n": n} for n in range(1200)), tenant="globex")
    assert [board.record(job.id).request["n"] for job in many[::100]] == list(range(0, 1200, 100))
    assert len({job.id for job in many}) == 1200
    assert board.client.zcard(board.keys.state("queued")) == 1200


async def test_many_are_checked_before_one_is_written(jobs: Client, client: redis.Redis) -> None:
    requests = [{"n": 0}] * 300 + [{"n": "x"}] + [{"n": 1}]
    with pytest.raises(InvalidRequest) as caught:
        await jobs.submit_many("test.steps", requests)
    assert caught.value.field == "[300].n"
    assert client.keys("*") == []


async def test_a_batch_that_broke_off_is_completed_by_asking_again(
    jobs: Client, board: Board, client: redis.Redis
) -> None:
    requests = [{"n": n} for n in range(2500)]
    client.config_set("maxmemory", int(client.info("memory")["used_memory"]) + 1_500_000)
    with pytest.raises(StoreUnavailable, match="OOM"):
        await jobs.submit_many("test.steps", requests, batch="monday")
    client.config_set("maxmemory", 0)
    assert 0 < client.zcard(board.keys.state("queued")) < 2500
    many = await jobs.submit_many("test.steps", requests, batch="monday")
    assert client.zcard(board.keys.state("queued")) == 2500
    assert [board.record(job.id).request["n"] for job in many[::500]] == list(range(0, 2500, 500))
    assert {job.created for job in many} == {True, False}


async def test_who_submits_many_is_told_how_far_it_is(jobs: Client, board: Board) -> None:
    told: list[int] = []
    await jobs.submit_many("test.steps", [{"n": 1}] * 1001, progress=told.append)
    assert told == [1000, 1001]


async def test_a_batch_is_of_one_tenant_and_of_the_same_requests(jobs: Client, board: Board) -> None:
    first = await jobs.submit_many("test.steps", [{"n": 1}, {"n": 2}], batch="monday")
    again = await jobs.submit_many("test.steps", [{"n": 1}, {"n": 2}], batch="monday")
    other = await jobs.submit_many("test.steps", [{"n": 1}, {"n": 2}], batch="monday", tenant="globex")
    assert [job.id for job in again] == [job.id for job in first]
    assert not {job.id for job in other} & {job.id for job in first}
    with pytest.raises(IdempotencyConflict) as caught:
        await jobs.submit_many("test.steps", [{"n": 1}, {"n": 3}], batch="monday")
    assert caught.value.job_id == first[1].id
    assert board.client.zcard(board.keys.state("queued")) == 4


async def test_each_of_many_may_have_a_key(jobs: Client) -> None:
    one = await jobs.submit("test.steps", {"n": 1}, idempotency_key="order-1")
    keys = ["order-1", "order-2"]
    many = await jobs.submit_many("test.steps", [{"n": 1}, {"n": 2}], idempotency_keys=keys)
    assert [(job.id == one.id, job.created) for job in many] == [(True, False), (False, True)]
    again = await jobs.submit_many("test.steps", [{"n": 1}, {"n": 2}], idempotency_keys=iter(keys))
    assert [job.id for job in again] == [job.id for job in many]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"idempotency_keys": ["one"]}, "idempotency_keys"),
        ({"idempotency_keys": ["one", ""]}, "[1].idempotency_key"),
        ({"batch": ""}, "batch"),
        ({"idempotency_key": "one"}, "idempotency_key"),
    ],
)
async def test_names_of_many_that_cannot_be_are_refused(jobs: Client, options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await jobs.submit_many("test.steps", [{"n": 1}, {"n": 2}], **options)
    assert caught.value.field == field


async def test_a_key_that_outlives_its_job_says_that_it_is_forgotten(jobs: Client, board: Board) -> None:
    first = await jobs.submit("test.echo", {}, idempotency_key="k", idempotency_ttl=3600)
    board.fail(board.start(first.id))
    board.run(board.transitions.drop([first.id]))
    again = await jobs.submit("test.echo", {}, idempotency_key="k", idempotency_ttl=3600)
    assert (again.id, again.created, again.forgotten) == (first.id, False, True)
    with pytest.raises(JobNotFound):
        await again.result(1)


async def test_none_at_all_is_no_error(jobs: Client) -> None:
    assert await jobs.submit_many("test.steps", []) == []


# Reading


async def test_a_job_that_never_existed_is_not_found(jobs: Client) -> None:
    for call in (jobs.get("never"), jobs.events("never"), jobs.result("never"), jobs.cancel("never")):
        with pytest.raises(JobNotFound, match="never"):
            await call
    with pytest.raises(JobNotFound):
        _ = [event async for event in jobs.watch("never")]


async def test_the_events_so_far_can_be_read_from_any_number_on(jobs: Client, board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.emit(claim, "note.one", "note.two")
    assert await jobs.events("a") == board.events("a")
    assert [event.type for event in await jobs.events("a", after=3)] == ["note.two"]


@pytest.mark.parametrize("after", [-1, "3", 1.5, True])
async def test_events_beyond_what_is_no_number_of_one_are_refused(jobs: Client, board: Board, after: Any) -> None:
    board.submit("a")
    with pytest.raises(InvalidRequest, match="must be the number of an event, or 0") as caught:
        await jobs.events("a", after=after)
    assert caught.value.field == "after"


@pytest.fixture
def listed(board: Board) -> dict[str, str]:
    """Jobs of two tenants and kinds in several states, oldest first."""
    ids = {
        "done": board.submit(tenant="acme"),
        "running": board.submit(tenant="acme", kind="test.sleep"),
        "waiting": board.submit(tenant="globex"),
        "later": board.submit(tenant="globex", kind="test.sleep", run_at_ms=4_000_000_000_000),
    }
    board.succeed(board.start(ids["done"]))
    board.start(ids["running"])
    return ids


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {"done", "running", "waiting", "later"}),
        ({"tenant": "acme"}, {"done", "running"}),
        ({"state": JobState.QUEUED}, {"waiting"}),
        ({"kind": "test.sleep"}, {"running", "later"}),
        ({"tenant": "acme", "state": JobState.RUNNING}, {"running"}),
        ({"tenant": "globex", "kind": "test.sleep", "state": JobState.SCHEDULED}, {"later"}),
        ({"tenant": "acme", "state": JobState.FAILED}, set()),
        ({"tenant": "nobody"}, set()),
    ],
)
async def test_jobs_are_listed_by_state_tenant_and_kind(
    jobs: Client, listed: dict[str, str], filters: dict[str, Any], expected: set[str]
) -> None:
    assert {record.id for record in await jobs.list(**filters)} == {listed[name] for name in expected}


async def test_the_newest_jobs_are_listed_first_and_no_more_than_asked_for(
    client: redis.Redis, settings: Settings, jobs: Client
) -> None:
    clock = Clock()
    board = Board(client, settings, clock)
    ids = []
    for _ in range(450):
        ids.append(board.submit(tenant="acme"))
        clock.advance(1)
    for filters in ({}, {"tenant": "acme"}, {"state": JobState.QUEUED}):
        assert [record.id for record in await jobs.list(**filters, limit=3)] == ids[:-4:-1]
        assert [record.id for record in await jobs.list(**filters, limit=1000)] == ids[::-1]
    assert not await jobs.list(kind="no.such")


async def test_a_page_goes_on_where_the_one_before_ended(jobs: Client, board: Board) -> None:
    ids = [board.submit(f"job-{number}") for number in range(5)]
    first = await jobs.list(limit=3, kind="test.echo")
    rest = await jobs.list(limit=3, kind="test.echo", cursor=first.cursor)
    assert (sorted(record.id for record in [*first, *rest]), len(first)) == (ids, 3)
    assert (first.complete, rest.cursor, rest.complete) == (True, None, True)


async def test_rows_have_a_subject_in_place_of_the_request(jobs: Client, board: Board) -> None:
    board.submit("a", request={"text": "write to ada@example.com"})
    (row,) = await jobs.list(fields="row")
    assert (row.id, row.subject, row.ahead, row.unserved) == ("a", "write to [masked-email]", None, "queue")
    assert not hasattr(row, "request")


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"cursor": "x"}, "cursor"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"fields": "all"}, "fields"),
        ({"code": "broken", "state": JobState.QUEUED}, "code"),
    ],
)
async def test_what_makes_no_list_is_refused(jobs: Client, bad: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await jobs.list(**bad)
    assert [*refused.value.fields] == [field]


async def test_jobs_in_each_state_are_counted(jobs: Client, listed: dict[str, str]) -> None:
    counts = await jobs.counts()
    assert {state: count for state, count in counts.items() if count} == {
        JobState.SUCCEEDED: 1,
        JobState.RUNNING: 1,
        JobState.QUEUED: 1,
        JobState.SCHEDULED: 1,
    }
    assert set(counts) == set(JobState)
    assert listed


async def test_live_workers_are_listed(jobs: Client, board: Board) -> None:
    assert await jobs.workers() == []
    board.announce("two", agents=5)
    board.announce("one", agents=7, tools=1)
    assert await jobs.workers() == [
        WorkerFacts(name="one", slots={"agents": 7, "tools": 1}),
        WorkerFacts(name="two", slots={"agents": 5}),
    ]


# Results


async def test_the_result_of_a_job_that_has_ended_is_there_at_once(jobs: Client, board: Board) -> None:
    board.succeed(board.start(board.submit("a")), {"text": "done"})
    assert await jobs.result("a", timeout=0) == {"text": "done"}


async def test_a_result_is_waited_for(jobs: Client, board: Board) -> None:
    claim = board.start(board.submit("a"))
    waiting = asyncio.create_task(jobs.result("a", timeout=PATIENCE_S))
    await eventually_async(lambda: board.client.pubsub_numsub(board.keys.ended("a"))[0][1] == 1)
    board.succeed(claim, [1, 2])
    assert await waiting == [1, 2]


async def test_waiting_ends_in_time_and_the_job_goes_on(jobs: Client, board: Board) -> None:
    board.start(board.submit("a"))
    began = time.monotonic()
    with pytest.raises(ResultTimeout, match=r"0\.3 s; it goes on"):
        await jobs.result("a", timeout=0.3)
    assert 0.25 < time.monotonic() - began < PATIENCE_S
    assert board.state("a") is JobState.RUNNING


async def test_a_job_that_failed_raises_its_reason(jobs: Client, board: Board) -> None:
    failure = Failure(code="no_stock", message="none left", category="validation", fields={"n": "too many"})
    board.finish(board.start(board.submit("a")), Failed(failure))
    with pytest.raises(JobFailed, match="none left") as caught:
        await jobs.result("a")
    assert (caught.value.state, caught.value.failure, caught.value.job_id) == ("failed", failure, "a")


async def test_a_job_that_was_cancelled_has_no_result(jobs: Client, board: Board) -> None:
    board.submit("a")
    await jobs.cancel("a", "changed my mind")
    with pytest.raises(JobFailed, match="changed my mind") as caught:
        await jobs.result("a")
    assert caught.value.state == "cancelled"


async def test_a_job_that_ends_between_two_looks_at_it_is_not_waited_for_for_ever(
    jobs: Client, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record is read in two commands, its fields and the length of its log; here it ends in between."""
    claim = board.start(board.submit("a"))
    before = board.record("a")
    board.succeed(claim, "done")
    torn = before.model_copy(update={"events": len(board.log("a"))})
    real: Any = behind(jobs).get
    looks = [torn]

    def get(job_id: str) -> Any:
        return looks.pop() if looks else real(job_id)

    async def get_async(job_id: str) -> Any:
        return looks.pop() if looks else await real(job_id)

    blocking = not inspect.iscoroutinefunction(real)
    monkeypatch.setattr(type(behind(jobs)), "get", _method(get if blocking else get_async))
    began = time.monotonic()
    assert await jobs.result("a", timeout=PATIENCE_S) == "done"
    assert time.monotonic() - began < PATIENCE_S / 3


def _method(function: Any) -> Any:
    return lambda _self, job_id: function(job_id)


# Cancel


async def test_a_job_that_waits_can_be_cancelled_twice(jobs: Client, board: Board) -> None:
    board.submit("a")
    for _ in range(2):
        assert await jobs.cancel("a") is JobState.CANCELLED
    assert board.state("a") is JobState.CANCELLED


async def test_a_job_that_runs_is_asked_to_stop(jobs: Client, board: Board) -> None:
    board.start(board.submit("a"))
    assert await jobs.cancel("a") is JobState.RUNNING
    record = await jobs.get("a")
    assert (record.state, record.cancelling) == ("running", True)


async def test_a_job_that_has_ended_otherwise_cannot_be_cancelled(jobs: Client, board: Board) -> None:
    board.succeed(board.start(board.submit("a")))
    with pytest.raises(NotCancellable, match="a is succeeded; only a job that has not ended can be") as caught:
        await jobs.cancel("a")
    assert caught.value.state == "succeeded"


async def test_a_running_job_ends_soon_after_it_is_cancelled(on_fleet: Client, fleet: Fleet) -> None:
    job = await on_fleet.submit("test.sleep", {"n": 60})
    await eventually_async(lambda: fleet.board.state(job.id) == "running")
    await on_fleet.cancel(job.id, "changed my mind")
    began = time.monotonic()
    with pytest.raises(JobFailed, match="changed my mind") as caught:
        await on_fleet.result(job.id, timeout=PATIENCE_S)
    assert caught.value.state == "cancelled"
    assert time.monotonic() - began < PATIENCE_S / 3


# Kinds that are known by their announcement only


def announce(board: Board, *contracts: KindContract) -> None:
    board.client.hset(board.keys.kinds, mapping={c.kind: c.model_dump_json() for c in contracts})


ECHO = KindContract.of("far.echo", "tools", Text, Text, "Say it again.")
STEPS = KindContract.of("far.steps", "agents", Number, Number)


async def test_a_kind_without_an_installed_model_is_checked_by_its_announcement(
    connected: Connect, board: Board
) -> None:
    announce(board, ECHO)
    jobs = connected(checks={})
    job = await jobs.submit("far.echo", {"text": "hi"})
    assert (board.record(job.id).queue, board.record(job.id).request) == ("tools", {"text": "hi"})
    with pytest.raises(InvalidRequest) as caught:
        await jobs.submit("far.echo", {"text": 7})
    assert caught.value.field == "text"


class Letter(BaseModel):
    text: Annotated[str, Field(json_schema_extra=GUARDED)]


LETTER = KindContract.of("far.letter", "agents", Letter, Text)
MARKS, REFUSES = InputGuard(mode="mark"), InputGuard(patterns={"a swear word": "drat"})


async def test_what_workers_say_about_suspicious_text_goes_before_the_settings_of_the_client(
    connected: Connect, board: Board
) -> None:
    for installed in ({}, {"far.letter": ModelCheck("agents", Letter)}):
        announce(board, LETTER.guarded_by(MARKS))
        await connected(checks=installed, input_guard="refuse").submit("far.letter", {"text": "eval("})
        announce(board, LETTER.guarded_by(REFUSES))
        jobs = connected(checks=installed, input_guard="off")
        await jobs.submit("far.letter", {"text": "eval("})
        with pytest.raises(InvalidRequest) as refused:
            await jobs.submit("far.letter", {"text": "oh drat"})
        assert refused.value.fields == {"text": "holds what looks like code: a swear word; say it in words"}


async def test_before_any_worker_has_spoken_an_installed_kind_is_guarded_by_the_settings(connected: Connect) -> None:
    installed = {"far.letter": ModelCheck("agents", Letter)}
    await connected(checks=installed, input_guard="mark").submit("far.letter", {"text": "eval("})
    with pytest.raises(InvalidRequest):
        await connected(checks=installed).submit("far.letter", {"text": "eval("})


async def test_without_any_worker_yet_the_error_says_so(connected: Connect) -> None:
    with pytest.raises(UnknownKind, match=r"start one, .* none has announced any kind so far"):
        await connected(checks={}).submit("far.echo", {})


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_a_sample_that_is_only_installed_is_no_kind(connected: Connect, kind: str) -> None:
    with pytest.raises(UnknownKind):
        await connected(checks=None).submit(kind, {})


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_announcement_of_an_installed_kind_is_checked_by_its_model(kind: str) -> None:
    announced = KindContract.of(kind, "elsewhere", KINDS[kind].request, KINDS[kind].result)
    check = check_of_announced(KindContract.model_validate_json(announced.model_dump_json()), announced.kind)
    assert (type(check), check.queue) == (ModelCheck, "elsewhere")


async def test_another_kind_of_the_name_of_an_installed_one_is_what_its_workers_say(
    connected: Connect, board: Board
) -> None:
    announce(board, KindContract.of("support.request", "tools", Text, Text))
    job = await connected(checks=None).submit("support.request", {"text": "hi"})
    assert (board.record(job.id).queue, board.record(job.id).request) == ("tools", {"text": "hi"})


async def test_a_kind_announced_after_the_first_look_is_found(connected: Connect, board: Board) -> None:
    jobs = connected(checks={})
    announce(board, ECHO)
    await jobs.submit("far.echo", {})
    announce(board, STEPS)
    await jobs.submit("far.steps", {"n": 1})


async def test_announced_kinds_are_listed_by_name(jobs: Client, board: Board) -> None:
    announce(board, STEPS, ECHO)
    assert await jobs.kinds() == [ECHO, STEPS]


# Redis away


async def test_with_no_redis_at_all_the_error_says_that_it_cannot_be_reached(connected: Connect) -> None:
    with EmbeddedRedis() as gone:
        url = gone.url
    jobs = connected(redis_url=url)
    for call in (jobs.submit("test.echo", {}), jobs.get("a"), jobs.result("a", 1), jobs.list(), jobs.cancel("a")):
        with pytest.raises(StoreUnavailable):
            await call


async def test_a_silent_connection_is_given_up_within_the_time_out(
    connected: Connect, redis_server: EmbeddedRedis
) -> None:
    with Proxy(redis_server.port) as proxy:
        jobs = connected(redis_url=proxy.url, socket_timeout_s=0.3)
        await jobs.submit("test.echo", {})
        proxy.fall_silent()
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await jobs.submit("test.echo", {})
        assert time.monotonic() - began < 30


@pytest.mark.parametrize("code", FAULTS)
async def test_a_redis_that_refuses_to_serve_is_named_with_what_to_do(
    jobs: Client, redis_server: EmbeddedRedis, code: str
) -> None:
    await jobs.submit("test.echo", {})
    with refusing(redis_server.url, code):
        for call in (jobs.submit("test.echo", {}), jobs.submit_many("test.steps", [{"n": 1}])):
            with pytest.raises(StoreUnavailable) as caught:
                await call
            assert f") cannot serve this: {code} " in str(caught.value)
            assert str(caught.value).endswith(REMEDIES[code])


async def test_a_frozen_redis_is_given_up_within_the_time_out(connected: Connect, redis_server: EmbeddedRedis) -> None:
    jobs = connected(socket_timeout_s=1.5)
    os.kill(redis_server.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await jobs.submit("test.echo", {})
        assert time.monotonic() - began < 1.5 * ATTEMPTS, "one time-out, not one for each repeat"
    finally:
        os.kill(redis_server.pid, signal.SIGCONT)


@pytest.mark.parametrize("code", ["BUSY", "MASTERDOWN"])
async def test_watching_a_redis_that_refuses_raises_it_too(
    jobs: Client, redis_server: EmbeddedRedis, board: Board, code: str
) -> None:
    board.submit("a")
    with refusing(redis_server.url, code), pytest.raises(StoreUnavailable, match=code):
        async for _ in jobs.watch("a"):
            pass


@pytest.mark.parametrize("name", [{}, {"job_id": "a"}, {"idempotency_key": "k"}])
async def test_a_submit_whose_answer_was_lost_makes_one_job(
    connected: Connect, redis_server: EmbeddedRedis, board: Board, name: dict[str, Any]
) -> None:
    with Proxy(redis_server.port) as proxy:
        jobs = connected(redis_url=proxy.url)
        await jobs.submit("test.echo", {"text": "loads the scripts"})
        proxy.cut_after(b"lost answer")
        job = await jobs.submit("test.echo", {"text": "lost answer"}, **name)
        assert proxy.cuts == 1
    # For an id of the caller's own nobody can tell whether this call or an earlier one has written it.
    assert job.created or "job_id" in name
    assert board.client.zcard(board.keys.state("queued")) == 2
    assert board.event_types(job.id) == ["queued"]


async def test_many_jobs_whose_answer_was_lost_are_each_written_once(
    connected: Connect, redis_server: EmbeddedRedis, board: Board
) -> None:
    with Proxy(redis_server.port) as proxy:
        jobs = connected(redis_url=proxy.url)
        await jobs.submit("test.steps", {"n": 0})
        proxy.cut_after(b"EVALSHA")
        many = await jobs.submit_many("test.steps", [{"n": n} for n in range(60)])
        assert proxy.cuts == 1
    assert board.client.zcard(board.keys.state("queued")) == 61
    assert all(board.event_types(job.id) == ["queued"] for job in many)


async def test_a_client_survives_the_restart_of_redis(connected: Connect, tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path).start()
    jobs = connected(redis_url=server.url)
    job = await jobs.submit("test.echo", {})
    server.stop()
    port = server_port(jobs)
    with hold(port), EmbeddedRedis(tmp_path, port=port):
        assert (await jobs.get(job.id)).state is JobState.QUEUED
        await jobs.submit("test.echo", {})


def server_port(jobs: Client) -> int:
    return int(behind(jobs).redis.connection_pool.connection_kwargs["port"])


async def test_closing_twice_is_harmless(jobs: Client) -> None:
    await jobs.counts()
    await jobs.close()
    await jobs.close()
