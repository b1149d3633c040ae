"""The executor: one attempt at a job ends in one outcome, whatever its body does."""

from __future__ import annotations

import json
import logging
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic_core import to_json

from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.model.deployment import SystemState
from backdesk.worker.model.job import Failed, JobState, Succeeded, Usage
from backdesk.worker.store.deployment import SystemCalls
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.kinds import ENDINGS
from tests.worker.conftest import Bench


def error_of(board: Board, job_id: str) -> tuple[str, str]:
    record = board.record(job_id)
    assert record.state is JobState.FAILED
    assert record.error is not None
    return record.error.code, record.error.message


# Success


@pytest.mark.parametrize("kind", ["test.echo", "test.echo_def", "test.tool", "test.tool_async"])
def test_a_body_that_returns_its_result_succeeds(bench: Bench, board: Board, kind: str) -> None:
    record = board.record(bench.run(kind, {"text": "ünïcödé"}))
    assert (record.state, record.result, record.attempt) == (JobState.SUCCEEDED, {"text": "ünïcödé"}, 1)
    assert board.event_types(record.id) == ["queued", "started", "succeeded"]


def test_the_outcome_is_handed_back(bench: Bench, board: Board) -> None:
    assert bench.begin(board.submit()).result(PATIENCE_S) == Succeeded(b'{"text":"hello"}')
    failed = bench.begin(board.submit(kind="test.end", request={"text": "task_error"})).result(PATIENCE_S)
    assert isinstance(failed, Failed)
    assert failed.failure.code == "no_stock"


def test_a_body_sees_its_job(bench: Bench, board: Board) -> None:
    deadline = datetime.now(UTC).replace(microsecond=0).timestamp() + 60
    expires: dict[str, Any] = {"metadata": b'{"ticket":7}', "expires_at_ms": round(deadline * 1000)}
    record = board.record(bench.run("test.context", {}, **expires))
    moment = datetime.fromtimestamp(deadline, UTC).isoformat()
    assert record.result == {"value": [record.id, "test.context", "acme", 1, {"ticket": 7}, moment]}


def test_usage_is_kept_with_the_record(bench: Bench, board: Board) -> None:
    record = board.record(bench.run("test.count", {"n": 1}))
    assert record.usage == Usage(requests=2, input_tokens=30)


@pytest.mark.parametrize("kind", ["test.steps", "test.steps_def"])
@pytest.mark.parametrize("count", [1, 2000])
def test_every_event_is_in_the_log_before_the_end_and_in_order(
    bench: Bench, board: Board, kind: str, count: int
) -> None:
    events = board.events(bench.run(kind, {"n": count}))
    assert [event.seq for event in events] == list(range(1, count + 4))
    assert [event.data["number"] for event in events if event.type == "progress"] == list(range(count))
    assert events[-1].type == "succeeded"


def test_a_delivery_of_a_job_that_is_not_there_to_run_is_dropped(bench: Bench, board: Board) -> None:
    job_id = bench.run("test.echo", {})
    assert bench.begin(job_id).result(PATIENCE_S) is None
    assert board.event_types(job_id) == ["queued", "started", "succeeded"]


@pytest.mark.parametrize("field", ["metadata", "retry", "usage"])
def test_a_job_whose_record_cannot_be_read_fails_at_once(bench: Bench, board: Board, field: str) -> None:
    job_id = board.submit()
    board.client.hset(board.keys.job(job_id), field, b"[" * 250)
    bench.begin(job_id).result(PATIENCE_S)
    code, message = error_of(board, job_id)
    assert (code, board.record(job_id).crashes) == ("invalid_request", 0)
    assert message.startswith(f"the request does not fit the kind: {field}: cannot be read")


def test_a_checkpoint_that_cannot_be_read_fails_its_job_at_once(bench: Bench, board: Board) -> None:
    job_id = board.submit()
    board.client.set(board.keys.checkpoint(job_id), b"{")
    board.client.hset(board.keys.job(job_id), "remembers", 1)
    bench.begin(job_id).result(PATIENCE_S)
    assert error_of(board, job_id)[1].startswith("the request does not fit the kind: checkpoint: cannot be read")


# Failure

REASONS: dict[str, tuple[str, str]] = {
    "task_error": ("no_stock", "there is none left"),
    "exception": ("exception", "Told: it broke"),
    "system_exit": ("exception", "SystemExit: 3"),
    "keyboard_interrupt": ("exception", "KeyboardInterrupt"),
    "generator_exit": ("exception", "GeneratorExit"),
    "unspeakable": ("exception", "Unspeakable"),
    "surrogate": ("exception", "Told: file"),
    "number_as_code": ("404", "not found"),
}


@pytest.mark.parametrize("kind", ["test.end", "test.end_def"])
@pytest.mark.parametrize("ending", REASONS)
def test_a_body_that_ends_badly_fails_its_job_with_the_reason(
    bench: Bench, board: Board, kind: str, ending: str
) -> None:
    code, message = error_of(board, bench.run(kind, {"text": ending}))
    assert code == REASONS[ending][0]
    assert message.startswith(REASONS[ending][1])


def test_a_coroutine_that_cancels_itself_fails_its_job(bench: Bench, board: Board) -> None:
    assert error_of(board, bench.run("test.end", {"text": "cancelled"}))[0] == "cancelled_itself"


def test_a_function_that_raises_cancellation_fails_its_job(bench: Bench, board: Board) -> None:
    assert error_of(board, bench.run("test.end_def", {"text": "cancelled"}))[0] in {"cancelled_itself", "exception"}


@pytest.mark.parametrize("ending", ENDINGS)
def test_after_any_ending_the_process_runs_the_next_job(bench: Bench, board: Board, ending: str) -> None:
    job_id = board.submit(kind="test.end", request={"text": ending})
    outcome = bench.begin(job_id)
    eventually(outcome.done, what=f"the end of a body that ended by {ending}")
    assert board.state(bench.run("test.echo", {})) is JobState.SUCCEEDED


def test_a_body_that_cancels_its_task_and_returns_ends_its_job_and_harms_no_other(bench: Bench, board: Board) -> None:
    bench.begin(board.submit("a", kind="test.cancel_and_return", request={}))
    eventually(lambda: board.record("a").done, what="the end of the job")
    assert board.state(bench.run("test.echo", {})) is JobState.SUCCEEDED


@pytest.mark.filterwarnings("default::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_task_of_the_bodys_own_that_exits_ends_only_its_job(bench: Bench, board: Board) -> None:
    bench.begin(board.submit("a", kind="test.child_exit", request={}))
    eventually(lambda: board.record("a").done, what="the end of the job")
    assert board.state(bench.run("test.echo", {})) is JobState.SUCCEEDED


def test_sys_exit_in_a_body_ends_the_job_and_not_the_worker(bench: Bench, board: Board) -> None:
    assert error_of(board, bench.run("test.exit_thread", {}))[0] == "exception"


def test_another_job_on_the_same_loop_goes_on_when_one_exits(bench: Bench, board: Board) -> None:
    other = board.submit(kind="test.ticking", request={"n": 30})
    going_on = bench.begin(other)
    eventually(lambda: "progress" in board.event_types(other))
    bench.begin(board.submit(kind="test.end", request={"text": "system_exit"}))
    assert isinstance(going_on.result(PATIENCE_S), Succeeded)


def test_a_request_that_does_not_fit_the_kind_fails_with_its_fields(bench: Bench, board: Board) -> None:
    record = board.record(bench.run("test.echo", {"text": 7, "surprise": 1}))
    assert record.error is not None
    assert (record.error.code, record.error.category) == ("invalid_request", "validation")
    assert record.error.fields.keys() == {"text", "surprise"}
    assert "text" in record.error.message


def test_a_result_of_the_wrong_type_fails_the_job(bench: Bench, board: Board) -> None:
    assert error_of(board, bench.run("test.wrong_result", {})) == ("invalid_result", "the body returned dict, not Text")


@pytest.mark.parametrize("kind", ["test.unencodable_result", "test.surrogate_result"])
def test_a_result_that_json_cannot_hold_fails_the_job(bench: Bench, board: Board, kind: str) -> None:
    assert error_of(board, bench.run(kind, {}))[0] == "invalid_result"


def test_a_result_over_the_limit_fails_the_job_with_both_sizes(bench: Bench, board: Board) -> None:
    bench.process.settings = board.settings.model_copy(update={"blobs_url": "off"})
    limit = board.settings.max_result_bytes
    code, message = error_of(board, bench.run("test.huge_result", {"n": limit}))
    assert code == "result_too_large"
    assert str(limit) in message
    assert str(limit + len('{"text":""}')) in message


def test_a_result_just_within_the_limit_is_kept(bench: Bench, board: Board) -> None:
    size = board.settings.max_result_bytes - len('{"text":""}')
    assert board.state(bench.run("test.huge_result", {"n": size})) is JobState.SUCCEEDED


# What a body may emit


@pytest.fixture
def sink(bench: Bench, board: Board) -> Any:
    """The sink of an attempt that runs."""
    return bench.process.progress(board.start(board.submit("a")))


def test_event_data_over_the_limit_is_refused(sink: Any, board: Board) -> None:
    with pytest.raises(ValueError, match="the limit is"):
        sink.emit("note", {"text": "x" * board.settings.max_event_bytes})


@pytest.mark.parametrize("data", [{"x": object()}, {"x": math.nan}, {"x": math.inf}, {"x": "\udcff"}])
def test_event_data_that_is_no_json_is_refused(sink: Any, data: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="must be JSON"):
        sink.emit("note", data)


def test_a_streamed_text_that_json_cannot_hold_does_not_stop_the_events(sink: Any, board: Board) -> None:
    sink.watchers = 1
    sink.token("half of a pair: \ud83d")
    sink.emit("note", {})
    sink.close()
    eventually(lambda: board.event_types("a")[-1] == "note")


# Logs


def test_every_line_logged_by_an_attempt_names_its_job(
    bench: Bench, board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    import structlog

    seen: list[dict[str, Any]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append({"event": record.getMessage(), **structlog.contextvars.get_contextvars()})

    listener = Listener()
    logging.getLogger("backdesk.worker").addHandler(listener)
    try:
        with caplog.at_level(logging.INFO, "backdesk.worker"):
            job_id = bench.run("test.end", {"text": "exception"}, tenant="globex")
    finally:
        logging.getLogger("backdesk.worker").removeHandler(listener)
    facts = {"job_id": job_id, "kind": "test.end", "tenant": "globex", "attempt": 1}
    ours = {line["event"]: facts.items() <= line.items() for line in seen}
    assert (ours["task_raised"], ours["job_failed"]) == (True, True)


def test_the_event_log_is_json_to_the_last_entry(bench: Bench, board: Board) -> None:
    job_id = bench.run("test.end", {"text": "exception"})
    assert all(json.loads(entry) for entry in board.log(job_id))
    assert to_json(board.record(job_id).error)


def test_a_body_sees_how_the_deployment_is(bench: Bench, board: Board) -> None:
    board.announce(agents=4)
    board.run(SystemCalls(board.settings).declare("Refunds take longer.", None))
    seen: list[SystemState] = []

    async def look(ctx: TaskContext) -> None:
        seen.append(await ctx.system())

    def look_blocking(ctx: BlockingContext) -> None:
        seen.append(ctx.system())

    for body in (look, look_blocking):
        assert board.state(bench.run_body(body)) is JobState.SUCCEEDED
    assert [(state.running, state.queued, state.load, state.workers) for state in seen] == [(1, 0, 0.25, 1)] * 2
    assert [state.maintenance and state.maintenance.message for state in seen] == ["Refunds take longer."] * 2


def test_measures_are_kept_over_attempts(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        ctx.measure("tries", 1, add=True)
        ctx.measure("last_attempt", ctx.attempt)
        if ctx.attempt == 1:
            raise ConnectionError("the line is busy")

    job_id = bench.run_body(body)
    bench.again(job_id)
    assert board.record(job_id).usage == Usage(measures={"tries": 2, "last_attempt": 2})
