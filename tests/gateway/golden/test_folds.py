"""The recordings in the dialects of chats, frame by frame, and what any client must be able to rely on."""

from __future__ import annotations

from typing import Any

import pytest
from ag_ui.core import Event
from pydantic import TypeAdapter

from tests.gateway.golden.folding import FOLDS, RUNS, agui, kept, lines, ui

ALL = [(name, run) for name, runs in RUNS.items() for run in range(1, runs + 1)]
ANSWER = "Done. It is approved, to your card: 12.50 is booked."


@pytest.mark.parametrize("dialect", FOLDS)
@pytest.mark.parametrize(("name", "run"), ALL)
def test_a_recording_comes_to_the_frames_that_are_kept(dialect: str, name: str, run: int) -> None:
    assert lines(FOLDS[dialect](name, run)) == kept(dialect, name, run).read_text()


@pytest.mark.parametrize(("name", "run"), ALL)
def test_the_events_of_a_run_are_those_of_the_protocol(name: str, run: int) -> None:
    events = agui(name, run)
    adapter: TypeAdapter[Any] = TypeAdapter(Event)
    for event in events:
        adapter.validate_python(event)
    assert events[0]["type"] == "RUN_STARTED"
    assert events[-1]["type"] in {"RUN_FINISHED", "RUN_ERROR"}


def test_each_run_but_the_last_ends_with_what_people_are_asked() -> None:
    outcomes = [agui("job", run)[-1]["outcome"] for run in (1, 2, 3)]
    assert [each["type"] for each in outcomes] == ["interrupt", "interrupt", "success"]
    assert [each["interrupts"][0]["id"] for each in outcomes[:2]] == ["recorded-job:refund", "recorded-job:method"]


def test_the_messages_of_a_run_whose_text_was_void_are_those_that_stand() -> None:
    (snapshot, *_) = [event for event in agui("job", 2) if event["type"] == "MESSAGES_SNAPSHOT"]
    roles = [message["role"] for message in snapshot["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "tool"]
    assert not any(message["role"] == "assistant" and message.get("content") for message in snapshot["messages"])


def test_the_text_of_the_last_step_is_the_answer() -> None:
    text = ""
    for chunk in (chunk for run in (1, 2, 3) for chunk in ui("job", run)):
        text = "" if chunk["type"] in {"reset-step", "start-step"} else text + chunk.get("delta", "")
    assert text == ANSWER


@pytest.mark.parametrize(("name", "last"), [("failed", "finish"), ("cancelled", "abort")])
def test_a_stream_says_how_its_job_ended(name: str, last: str) -> None:
    assert ui(name, 1)[-1]["type"] == last


def test_a_call_that_did_not_come_back_is_not_shown_as_running() -> None:
    assert "tool-output-error" in {chunk["type"] for chunk in ui("failed", 1)}
