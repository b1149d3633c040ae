"""Jobs, events, errors and contracts: plain values, without a Redis."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from backdesk.worker import errors
from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import BackdeskError, ConfigurationError, InvalidRequest
from backdesk.worker.failure import Category, Failure, Severity
from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.events import LIFECYCLE_EVENTS, TERMINAL_EVENTS, EventType, JobEvent, check_emittable
from backdesk.worker.model.job import TERMINAL

# Events


def test_the_terminal_events_are_the_terminal_states() -> None:
    assert {str(event) for event in TERMINAL_EVENTS} == {str(state) for state in TERMINAL}


@pytest.mark.parametrize("event_type", sorted(LIFECYCLE_EVENTS))
def test_a_body_may_not_emit_an_event_of_the_life_cycle(event_type: str) -> None:
    with pytest.raises(ValueError, match="life cycle"):
        check_emittable(event_type)


@pytest.mark.parametrize("event_type", ["", "Upper", "1st", "a b", 'a"b', "a" * 65, "ü", "note\n"])
def test_a_malformed_event_type_is_refused(event_type: str) -> None:
    with pytest.raises(ValueError, match="must match"):
        check_emittable(event_type)


@pytest.mark.parametrize("event_type", [*sorted(set(EventType) - LIFECYCLE_EVENTS), "mine", "my.own_2"])
def test_a_body_may_emit_the_other_types_and_its_own(event_type: str) -> None:
    check_emittable(event_type)


def test_an_event_knows_whether_it_is_the_last() -> None:
    def event(event_type: str) -> JobEvent:
        return JobEvent.model_validate(
            {"seq": 1, "job_id": "a", "kind": "k", "tenant": "t", "attempt": 1, "at": "2026-03-01T12:00:00.000Z"}
            | {"type": event_type}
        )

    assert event("failed").terminal
    assert not event("progress").terminal


# Errors

EXAMPLES: list[BackdeskError] = [
    errors.ConfigurationError("BACKDESK_PREFIX: wrong"),
    errors.StoreUnavailable("away"),
    errors.ArchiveUnavailable("away"),
    errors.BlobError("off"),
    errors.BlobNotFound("gone"),
    errors.BlobCorrupt("changed"),
    errors.BlobLocked("no key"),
    errors.BlobTooLarge("too large"),
    errors.BlobStoreUnavailable("away"),
    errors.BlobsAhead("file:///srv/blobs", 7, 3),
    errors.NotPermitted("desk", ("PUBLISH backdesk:x",), "ACL SETUSER desk &backdesk:*"),
    errors.QuotaExceeded("acme", "max_jobs", 3, 3),
    errors.StoreFull(90, 80),
    errors.InvalidRequest("field", "reason", {"field": "reason", "other": "too"}),
    errors.UnknownKind("nope", ["one", "two"]),
    errors.PayloadTooLarge("request", 10, 5),
    errors.IdempotencyConflict("a"),
    errors.ConversationBusy("c1", "a"),
    errors.JobNotFound("a"),
    errors.ConversationNotFound("talk", "acme"),
    errors.KeyRefused("needs the scope submit"),
    errors.NotCancellable("a", "running"),
    errors.NotForgettable("a", "running", "only a job that has ended"),
    errors.NotWaiting("a", "running"),
    errors.AskUnknown("a", "approval", "there is none", {"colour": "question"}),
    errors.NotReplayable("a", "it is running; only a job that failed can"),
    errors.ScheduleNotFound("nightly"),
    errors.KeyNotFound("0198f0c27d1e"),
    errors.ScheduleExists("nightly"),
    errors.WebhookNotFound("we_3f9a"),
    errors.JobFailed("a", "failed", Failure(code="c", message="m")),
    errors.ResultMismatch("a", "Answer", {"text": "is required"}),
    errors.ResultTimeout("a", 1.5),
    errors.FenceLost("a"),
    errors.TaskError("code", "message"),
    errors.TaskError("c", "m", category=Category.NETWORK, severity=Severity.LOW, transient=True, retry_after_s=2.5),
    errors.Limited(1.5, "no seat at the model"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_the_way_between_processes(error: BackdeskError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_every_error_class_is_among_the_examples() -> None:
    classes = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert {type(error) for error in EXAMPLES} == classes - {BackdeskError}


def test_a_result_that_did_not_come_is_a_time_out_to_those_who_know_only_that() -> None:
    assert issubclass(errors.ResultTimeout, TimeoutError)


def test_an_invalid_request_names_its_first_field() -> None:
    error = InvalidRequest.of({"a.0": "missing", "b": "too long"})
    assert (error.field, error.reason, str(error)) == ("a.0", "missing", "a.0: missing; b: too long")


# Contracts and the decorator


class Question(BaseModel):
    text: str
    count: int = 1


class Answer(BaseModel):
    text: str


def test_a_contract_survives_its_announcement() -> None:
    contract = KindContract.of("test.ask", "agents", Question, Answer, "Ask.")
    assert KindContract.model_validate_json(contract.model_dump_json()) == contract
    assert contract.request_schema["required"] == ["text"]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    for kind in list(REGISTRY):
        monkeypatch.delitem(REGISTRY, kind)
    return REGISTRY  # type: ignore[return-value]  # read as plain values here


def test_a_decorated_function_becomes_a_kind(registry: dict[str, object]) -> None:
    @task("test.ask", queue="tools")
    def ask(ctx: BlockingContext, request: Question) -> Answer:
        """Answer a question.

        At length.
        """
        return Answer(text=request.text)

    spec = REGISTRY.pop("test.ask")
    assert (spec.kind, spec.queue, spec.request, spec.result, spec.is_async) == (
        "test.ask",
        "tools",
        Question,
        Answer,
        False,
    )
    assert spec.contract.description == "Answer a question."
    assert registry == {}


def test_a_coroutine_function_runs_on_the_loop(registry: dict[str, object]) -> None:
    @task("test.ask")
    async def ask(ctx: TaskContext, request: Question) -> Answer:
        return Answer(text=request.text)

    assert REGISTRY.pop("test.ask").is_async
    assert registry == {}


def test_a_name_that_is_taken_is_refused(registry: dict[str, object]) -> None:
    def one(ctx: BlockingContext, request: Question) -> Answer:
        return Answer(text="one")

    def two(ctx: BlockingContext, request: Question) -> Answer:
        return Answer(text="two")

    task("test.ask")(one)
    task("test.ask")(one)
    with pytest.raises(ConfigurationError, match="registered twice"):
        task("test.ask")(two)
    assert REGISTRY.pop("test.ask").body is one
    assert registry == {}


def test_a_body_without_models_is_refused(registry: dict[str, object]) -> None:
    def no_request(ctx: BlockingContext, request: dict[str, str]) -> Answer:
        return Answer(text="")

    def no_result(ctx: BlockingContext, request: Question) -> str:
        return ""

    def bare(ctx, request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - the mistake under test
        return None

    for body, name in ((no_request, "request"), (no_result, "return"), (bare, "request")):
        with pytest.raises(ConfigurationError, match=f"must annotate '{name}'"):
            task("test.ask")(body)  # type: ignore[type-var]  # the mistake under test
    assert registry == {}


def test_a_body_with_other_parameters_is_refused(registry: dict[str, object]) -> None:
    def alone(request: Question) -> Answer:
        return Answer(text="")

    with pytest.raises(ConfigurationError, match=r"must take \(ctx, request\), not \(request\)"):
        task("test.ask")(alone)  # type: ignore[type-var]  # the mistake under test
    assert registry == {}


def test_a_body_that_takes_the_context_of_the_other_colour_is_refused(registry: dict[str, object]) -> None:
    def blocking(ctx: TaskContext, request: Question) -> Answer:
        return Answer(text="")

    async def coroutine(ctx: BlockingContext, request: Question) -> Answer:
        return Answer(text="")

    for body, fitting in ((blocking, "BlockingContext"), (coroutine, "TaskContext")):
        with pytest.raises(ConfigurationError, match=f"must take a {fitting}"):
            task("test.ask")(body)  # type: ignore[type-var]  # the mistake under test
    assert registry == {}


async def _late(ctx: TaskContext, request: Question, failure: Failure) -> Answer:
    return Answer(text="")


def test_a_fallback_has_the_colour_of_its_body(registry: dict[str, object]) -> None:
    def ask(ctx: BlockingContext, request: Question) -> Answer:
        return Answer(text="")

    with pytest.raises(ConfigurationError, match="must be def, as its body"):
        task("test.ask", fallback=_late)(ask)
    assert registry == {}


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_kind_without_time_is_refused(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="must be over 0 seconds"):
        task("test.ask", timeout=timeout)


@pytest.mark.parametrize("retention", [0, -1, float("nan"), timedelta(0), timedelta(days=4000)])
def test_a_kind_that_keeps_its_jobs_for_no_time_or_for_ever_is_refused(retention: float | timedelta) -> None:
    with pytest.raises(ConfigurationError, match="must be over 0 s and at most ten years"):
        task("test.ask", retention=retention)


def test_a_kind_says_how_long_its_jobs_are_kept_in_seconds_or_as_a_span(registry: dict[str, object]) -> None:
    def ask(ctx: BlockingContext, request: Question) -> Answer:
        return Answer(text="")

    task("test.ask", retention=timedelta(hours=1))(ask)
    assert REGISTRY["test.ask"].retention_s == 3600
    assert registry.keys() == {"test.ask"}


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ({"version": "two words"}, "a version of 'test.ask' must be"),
        ({"version": "*"}, "a version of 'test.ask' must be"),
        ({"version": 2}, "a version of 'test.ask' must be"),
        ({"resumes": ["1", "a:b"]}, "a version of 'test.ask' must be"),
        ({"mismatch": "fail"}, "the mismatch of 'test.ask' must be one of"),
    ],
)
def test_a_version_is_a_name_and_what_becomes_of_others_is_one_of_two_things(
    option: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        task("test.ask", **option)


def test_a_kind_without_a_version_has_that_of_its_contract(registry: dict[str, object]) -> None:
    def ask(ctx: BlockingContext, request: Question) -> Answer:
        return Answer(text="")

    task("test.ask", resumes="*")(ask)
    spec = REGISTRY["test.ask"]
    assert spec.version.startswith("contract-")
    assert spec.offers("wait") == [f"test.ask:{spec.version}", "test.ask:*"]
    assert spec.offers("restart") == [f"test.ask:{spec.version}", "test.ask:*", "test.ask:^"]


@pytest.mark.parametrize("slots", [0, -1, 1.5, 1001])
def test_a_kind_that_takes_no_number_of_slots_is_refused(slots: int) -> None:
    with pytest.raises(ConfigurationError, match="must be a number from 1 to 1000"):
        task("test.ask", slots=slots)
