"""A plan says which steps there are and how far each is, all of it at each change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic_core import to_json

from backdesk.worker.attempt.ledger import Suspended
from backdesk.worker.errors import Limited
from backdesk.worker.model.plan import LONGEST_KEY, LONGEST_TITLE, MOST_STEPS, Plans, PlanStep, StepState
from tests.support.defaults import usual_settings


class Heard:
    """Whoever is told of a plan."""

    def __init__(self) -> None:
        self.plans: list[list[PlanStep]] = []

    def __call__(self, steps: Sequence[PlanStep]) -> None:
        self.plans.append([*steps])

    @property
    def states(self) -> list[list[str]]:
        return [[step.state.value for step in plan] for plan in self.plans]


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_each_change_is_told_with_all_steps(heard: Heard) -> None:
    plan = Plans(heard).plan(["Read", "Write"])
    plan.mark("Read", "running")
    plan.mark("Read", StepState.DONE)
    assert heard.states == [["pending", "pending"], ["running", "pending"], ["done", "pending"]]


def test_a_step_is_marked_by_its_key_where_it_has_one(heard: Heard) -> None:
    plan = Plans(heard).plan({"r": "Read", "w": "Write"})
    plan.mark("w", "skipped")
    assert [step.as_data() for step in heard.plans[-1]] == [
        {"key": "r", "title": "Read", "state": "pending"},
        {"key": "w", "title": "Write", "state": "skipped"},
    ]


def test_a_mark_that_changes_nothing_is_not_told(heard: Heard) -> None:
    plan = Plans(heard).plan(["Read"])
    plan.mark("Read", "done")
    plan.mark("Read", "done")
    assert heard.states == [["pending"], ["done"]]


def test_several_steps_are_marked_in_one_telling_or_none_of_them(heard: Heard) -> None:
    plan = Plans(heard).plan(["Read", "Write", "Check"])
    plan.mark_all({"Read": "done", "Write": StepState.RUNNING, "Check": "pending"})
    with pytest.raises(ValueError, match="no step 'Sell'"):
        plan.mark_all({"Write": "done", "Sell": "done"})
    assert heard.states == [["pending"] * 3, ["done", "running", "pending"]]


def test_a_step_that_a_limit_parks_has_not_failed(heard: Heard) -> None:
    plan = Plans(heard).plan(["Read"])
    with pytest.raises(Limited), plan.step("Read"):
        raise Limited(2, "no room at the model")
    assert heard.states == [["pending"], ["running"]]


def test_a_step_runs_within_its_block_and_is_done_behind_it(heard: Heard) -> None:
    plan = Plans(heard).plan(["Read"])
    with plan.step("Read"):
        assert plan.state("Read") is StepState.RUNNING
    assert plan.state("Read") is StepState.DONE


def test_a_step_that_raises_has_failed(heard: Heard) -> None:
    plan = Plans(heard).plan(["Read"])
    with pytest.raises(KeyError), plan.step("Read"):
        raise KeyError
    assert plan.state("Read") is StepState.FAILED


def test_a_step_in_which_the_job_waits_goes_on_running(heard: Heard) -> None:
    plan = Plans(heard).plan(["Read"])
    with pytest.raises(Suspended), plan.step("Read"):
        raise Suspended
    assert plan.state("Read") is StepState.RUNNING


def test_a_later_attempt_that_plans_the_same_finds_done_what_was_done(heard: Heard) -> None:
    plan = Plans(heard).plan(["Read", "Check", "Ask", "Write"])
    plan.mark("Read", "done")
    plan.mark("Check", "skipped")
    plan.mark("Ask", "failed")
    plan.mark("Write", "running")
    later = Plans(heard, plan.steps).plan(["Read", "Check", "Ask", "Write"])
    assert [step.state for step in later.steps] == ["done", "skipped", "pending", "pending"]


def test_a_later_attempt_that_finds_all_as_it_was_tells_nothing_again(heard: Heard) -> None:
    kept = [PlanStep(title="Read", state=StepState.DONE), PlanStep(title="Write")]
    plan = Plans(heard, kept).plan(["Read", "Write"])
    with plan.step("Read"):
        pass
    assert heard.plans == []


def test_a_later_attempt_that_plans_nothing_has_the_plan_as_it_was_left(heard: Heard) -> None:
    kept = [PlanStep(title="Read", state=StepState.RUNNING)]
    current = Plans(heard, kept).current
    assert current is not None
    assert current.steps == kept


def test_another_plan_takes_the_place_of_the_first_and_what_they_share_stays_as_far_as_it_is(heard: Heard) -> None:
    plans = Plans(heard)
    first = plans.plan(["Read", "Check", "Write"])
    first.mark("Read", "done")
    first.mark("Check", "running")
    second = plans.plan(["Read", "Ask", "Check"])
    assert [(step.title, step.state) for step in second.steps] == [
        ("Read", "done"),
        ("Ask", "pending"),
        ("Check", "running"),
    ]
    assert plans.current is second


@pytest.mark.parametrize(
    ("titles", "reason"),
    [
        ([], "1 to 40 steps, not 0"),
        ([str(n) for n in range(MOST_STEPS + 1)], "1 to 40 steps, not 41"),
        (["Read", " Read\n"], "of its own"),
        ([""], "1 to 120 characters"),
        (["\x1b"], "1 to 120 characters"),
        (["x" * (LONGEST_TITLE + 1)], "1 to 120 characters"),
        ({"k" * (LONGEST_KEY + 1): "Read"}, "a key of at most 64"),
        ([7], "valid string"),
        ([["Read"]], "valid string"),
    ],
)
def test_what_is_no_plan_is_refused_with_the_reason(heard: Heard, titles: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Plans(heard).plan(titles)
    assert heard.plans == []


def test_a_step_that_there_is_not_is_named_with_those_that_there_are(heard: Heard) -> None:
    plan = Plans(heard).plan(["Read", "Write"])
    with pytest.raises(ValueError, match="no step 'Check', but 'Read', 'Write'"):
        plan.mark("Check", "done")


def test_a_state_that_there_is_not_is_refused(heard: Heard) -> None:
    plan = Plans(heard).plan(["Read"])
    with pytest.raises(ValueError, match="'half'"):
        plan.mark("Read", "half")
    assert heard.states == [["pending"]]


def test_a_title_is_one_line_that_cannot_steer_a_terminal(heard: Heard) -> None:
    (step,) = Plans(heard).plan(["Read\n\x1b[2J  all"]).steps
    assert step.title == "Read [2J all"


def test_the_largest_plan_fits_into_an_event(heard: Heard) -> None:
    titles = {f"{n:02}" + "😀" * (LONGEST_KEY - 2): "😀" * LONGEST_TITLE for n in range(MOST_STEPS)}
    plan = Plans(heard).plan(titles)
    size = len(to_json({"steps": [step.as_data() for step in plan.steps]}))
    assert size <= usual_settings().max_event_bytes
