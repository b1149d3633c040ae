"""What the recordings hold: all that a dialect must know how to tell."""

from __future__ import annotations

import pytest

from backdesk.worker.model.job import JobState
from tests.gateway.golden.record import load

TOLD = {"started", "token", "retrying", "agent", "progress", "tool_called", "tool_returned", "review", "step"}


def test_the_recorded_job_has_all_that_clients_of_chats_are_told() -> None:
    events, record = load("job")
    assert {event.type for event in events} >= TOLD | {"waiting", "answered", "succeeded"}
    asked = [each["type"] for event in events if event.type == "waiting" for each in event.data["for"]]
    assert asked == ["approval", "question", "child"]
    assert [event.data["passed"] for event in events if event.type == "review"] == [False, True]
    assert (record.failures, record.state) == (1, JobState.SUCCEEDED)


@pytest.mark.parametrize(("name", "state"), [("job", "succeeded"), ("failed", "failed"), ("cancelled", "cancelled")])
def test_a_recording_is_a_whole_log(name: str, state: str) -> None:
    events, record = load(name)
    assert [event.seq for event in events] == [*range(1, record.events + 1)]
    assert (events[-1].type, record.state) == (state, state)
    assert any(event.type == "token" for event in events)
