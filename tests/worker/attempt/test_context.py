"""The context: what a body sees of the engine, and what it is not allowed to say."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.job import Claim, Usage
from tests.support.contexts import task_context

DEADLINE = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLAIM = Claim("a", "test.echo", "acme", "agents", 2, "fence", b"{}", {"ticket": 7}, DEADLINE, 0)


class Sink:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.text = ""
        self.watched = True

    def emit(self, event_type: str, data: dict[str, Any]) -> None:
        self.events.append((event_type, data))

    def token(self, text: str) -> None:
        self.text += text

    def sent(self, entry: bytes, texts: Mapping[str, str]) -> None:
        raise AssertionError("nothing is sent here")


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def context(sink: Sink) -> TaskContext:
    return task_context(CLAIM, sink)


def test_a_body_sees_whose_job_it_runs(context: TaskContext) -> None:
    assert (context.job_id, context.kind, context.tenant, context.attempt) == ("a", "test.echo", "acme", 2)
    assert (context.metadata, context.deadline, context.usage) == ({"ticket": 7}, DEADLINE, Usage())


def test_a_body_learns_whether_somebody_watches(context: TaskContext, sink: Sink) -> None:
    assert context.watched
    sink.watched = False
    assert not context.watched


def test_what_a_body_adds_to_its_usage_leaves_that_of_former_attempts_as_it_was(sink: Sink) -> None:
    claim = replace(CLAIM, usage=Usage(input_tokens=100))
    context = task_context(claim, sink)
    context.usage.input_tokens += 20
    assert (context.usage.tokens, claim.usage) == (120, Usage(input_tokens=100))


def test_progress_has_a_fraction_a_message_and_data(context: TaskContext, sink: Sink) -> None:
    context.progress(1 / 3, "a third", rows=10)
    context.progress(message="who knows")
    context.progress(0)
    assert sink.events == [
        ("progress", {"rows": 10, "fraction": 0.3333, "message": "a third"}),
        ("progress", {"message": "who knows"}),
        ("progress", {"fraction": 0}),
    ]


@pytest.mark.parametrize("fraction", [-0.01, 1.01, math.nan, math.inf])
def test_a_fraction_outside_0_to_1_is_refused(context: TaskContext, fraction: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        context.progress(fraction)


def test_an_event_of_the_bodys_own_goes_to_the_sink(context: TaskContext, sink: Sink) -> None:
    context.emit("mine", value=1)
    assert sink.events == [("mine", {"value": 1})]


@pytest.mark.parametrize("event_type", ["succeeded", "retrying", "Mine"])
def test_an_event_that_a_body_may_not_emit_does_not_reach_the_sink(
    context: TaskContext, sink: Sink, event_type: str
) -> None:
    with pytest.raises(ValueError, match=event_type):
        context.emit(event_type)
    assert sink.events == []


def test_text_is_streamed(context: TaskContext, sink: Sink) -> None:
    context.token("Hel")
    context.token("lo")
    assert sink.text == "Hello"


def test_a_measure_is_kept_with_the_usage_and_a_later_one_takes_its_place(context: TaskContext) -> None:
    context.measure("rows_read", 7)
    context.measure("rows_read", 9)
    context.measure("share", 0.5)
    assert context.usage.measures == {"rows_read": 9.0, "share": 0.5}


def test_a_measure_that_is_added_comes_to_what_former_attempts_measured(sink: Sink) -> None:
    context = task_context(replace(CLAIM, usage=Usage(measures={"rows": 10})), sink)
    context.measure("rows", 5, add=True)
    context.measure("pages", 2, add=True)
    assert context.usage.measures == {"rows": 15.0, "pages": 2.0}


@pytest.mark.parametrize(
    "name", ["", "Rows", "rows read", "rows:read", "_rows", "rows_", "7rows", "r" * 65, "requests", 7]
)
def test_a_name_that_names_no_measure_of_a_body_is_refused(context: TaskContext, name: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(name))):
        context.measure(name, 1)
    assert context.usage == Usage()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.1e15, "7", None])
def test_what_is_no_finite_number_is_refused(context: TaskContext, value: Any) -> None:
    with pytest.raises(ValueError, match="rows must be a finite number"):
        context.measure("rows", value)
    assert context.usage == Usage()


def test_a_job_has_no_more_than_fifty_measures(context: TaskContext) -> None:
    for n in range(50):
        context.measure(f"m{n}", n)
    context.measure("m7", 1)
    with pytest.raises(ValueError, match="at most 50"):
        context.measure("one_more", 1)
