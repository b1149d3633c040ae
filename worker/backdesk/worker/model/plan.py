"""The plan of a job: the steps that it means to go through, and how far each is. Told as a whole at each change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from backdesk.worker.errors import Limited

#: So many of the longest fit into one event.
MOST_STEPS, LONGEST_TITLE, LONGEST_KEY = 40, 120, 64


#: Where the ledger of a job has its plan.
PLAN = "plan"


class StepState(StrEnum):
    """How far a step of a plan is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


#: What an attempt takes over from the plan of the one before it: with these nothing more is to be done.
SETTLED = frozenset({StepState.DONE, StepState.SKIPPED})


def _on_one_line(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return "".join(each for each in " ".join(value.split()) if each.isprintable())


class PlanStep(BaseModel):
    """One step: `title` is for people, `key` for whoever marks it, where that is another name."""

    model_config = ConfigDict(frozen=True)

    key: Annotated[str, StringConstraints(max_length=LONGEST_KEY)] = ""
    title: Annotated[str, BeforeValidator(_on_one_line), Field(min_length=1, max_length=LONGEST_TITLE)]
    state: StepState = StepState.PENDING

    @property
    def name(self) -> str:
        """What it is marked by."""
        return self.key or self.title

    def as_data(self) -> dict[str, str]:
        """Return it as events have it."""
        named = {"key": self.key} if self.key else {}
        return {**named, "title": self.title, "state": self.state.value}


#: Titles, or titles by their keys.
Titles = Sequence[str] | Mapping[str, str]
#: Told of each new state of a plan.
Tell = Callable[[Sequence[PlanStep]], None]


def steps_of(titles: Titles) -> list[PlanStep]:
    """Return the steps of a plan that nothing is done of. Raises ValueError for one that is too long, or not unique."""
    given = titles.items() if isinstance(titles, Mapping) else (("", title) for title in titles)
    try:
        steps = [PlanStep(key=key, title=title) for key, title in given]
    except ValidationError as error:
        raise ValueError(
            f"a step of a plan has a title of 1 to {LONGEST_TITLE} characters and a key of at most {LONGEST_KEY}: "
            f"{error.errors(include_url=False)[0]['msg']}"
        ) from None
    if not 0 < len(steps) <= MOST_STEPS:
        raise ValueError(f"a plan has 1 to {MOST_STEPS} steps, not {len(steps)}")
    if len({step.name for step in steps}) < len(steps):
        raise ValueError("each step of a plan must have a title, or a key, of its own")
    return steps


class Plan:
    """A plan that is being gone through. Safe to mark from several threads; a mark that changes nothing is not told."""

    def __init__(self, steps: Sequence[PlanStep], tell: Tell) -> None:
        self._steps = {step.name: step for step in steps}
        self._tell = tell
        self._lock = threading.Lock()

    @property
    def steps(self) -> list[PlanStep]:
        """The steps as they stand, in their order."""
        return list(self._steps.values())

    def state(self, step: str) -> StepState:
        """Return how far a step is, by its key or title. Raises ValueError when the plan has none of that name."""
        if step not in self._steps:
            raise ValueError(f"the plan has no step {step!r}, but {', '.join(map(repr, self._steps))}")
        return self._steps[step].state

    def mark(self, step: str, state: StepState | str) -> None:
        """Say how far a step is, by its key or title. Raises ValueError for a step or a state that there is not."""
        self.mark_all({step: state})

    def mark_all(self, states: Mapping[str, StepState | str]) -> None:
        """Say how far several steps are, which is told once. Raises as `mark`, and marks none then."""
        new = {step: StepState(state) for step, state in states.items()}
        with self._lock:
            changed = {step: state for step, state in new.items() if self.state(step) is not state}
            self._steps |= {step: self._steps[step].model_copy(update={"state": changed[step]}) for step in changed}
            if changed:
                self._tell(self.steps)

    @contextmanager
    def step(self, step: str) -> Iterator[None]:
        """Have a step run within the block: done behind it, failed when the block raises an Exception.

        It goes on running when the job waits, is parked by a limit, or is handed over. One that is done stays so while
        the block runs again, as it does in a later attempt, which finds it in the ledger.
        """
        if self.state(step) not in SETTLED:
            self.mark(step, StepState.RUNNING)
        try:
            yield
        except Limited:
            raise
        except Exception:
            self.mark(step, StepState.FAILED)
            raise
        self.mark(step, StepState.DONE)


def _nobody(_steps: Sequence[PlanStep]) -> None:
    return


class Plans:
    """The plan of one attempt, if it has one: `kept` is what the attempt before it has left."""

    def __init__(self, tell: Tell = _nobody, kept: Sequence[PlanStep] = ()) -> None:
        self._tell = tell
        self._from_before = bool(kept)
        #: The newest plan of the job; of a former attempt as that has left it.
        self.current: Plan | None = Plan(kept, tell) if kept else None

    def plan(self, titles: Titles) -> Plan:
        """Make the plan; it takes the place of one before it, whose steps of the same names stay as far as they are.

        Of a former attempt, what has been running or has failed is to be done again. Raises as `steps_of`.
        """
        before = {step.name: step for step in self.current.steps} if self.current else {}
        if self._from_before:
            before = {name: step for name, step in before.items() if step.state in SETTLED}
        steps = [
            step.model_copy(update={"state": before[step.name].state}) if step.name in before else step
            for step in steps_of(titles)
        ]
        known = self.current.steps if self.current else None
        self._from_before = False
        self.current = Plan(steps, self._tell)
        if steps != known:
            self._tell(steps)
        return self.current
