"""A plan that an agent makes and keeps to, for whoever watches: `Agent(tools=(make_plan, mark_step, ...))`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.model.plan import LONGEST_TITLE, Plan, StepState

#: Steps of a plan that an agent makes; more than that nobody reads.
MOST_STEPS = 20

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TITLE)]
Number = Annotated[int, Field(ge=1, description="The number of the step, from 1.")]


class NumberedStep(ToolOutcome):
    """A step as the agents see it."""

    number: int
    title: str
    state: StepState


class PlanSeen(ToolOutcome):
    """A plan as the agents see it."""

    steps: list[NumberedStep]

    @classmethod
    def of(cls, plan: Plan) -> PlanSeen:
        return cls(
            steps=[
                NumberedStep(number=number, title=step.title, state=step.state)
                for number, step in enumerate(plan.steps, 1)
            ]
        )

    def summary(self) -> str:
        done = sum(step.state is StepState.DONE for step in self.steps)
        return f"{done} of {len(self.steps)} steps done"


@tool(Effect.PURE)
async def make_plan(
    desk: Desk, steps: Annotated[list[Title], Field(min_length=1, max_length=MOST_STEPS)]
) -> PlanSeen | Refusal:
    """Say what you are going to do, as short steps in their order, before a task that takes several.

    Whoever waits sees them. Mark each step by mark_step when you begin it and when it is done. A new plan takes the
    place of the old one; steps with the same words stay as far as they are.
    """
    try:
        return PlanSeen.of(desk.plan(steps))
    except ValueError as error:
        return Refusal(refused=f"That is no plan: {error}.")


@tool(Effect.PURE)
async def mark_step(
    desk: Desk,
    number: Number,
    state: Literal["running", "done", "failed", "skipped"],
    begins: Annotated[int | None, Field(ge=1, description="The step that you begin now, if any.")] = None,
) -> PlanSeen | Refusal:
    """Say how far a step of your plan is, and which one you begin now."""
    plan = desk.plans.current
    if plan is None:
        return Refusal(refused="There is no plan yet: make one by make_plan.")
    marks = {number: StepState(state)} | ({begins: StepState.RUNNING} if begins else {})
    steps = plan.steps
    if unknown := [str(at) for at in marks if at > len(steps)]:
        return Refusal(refused=f"The plan has {len(steps)} steps, and no step {' or '.join(unknown)}.")
    plan.mark_all({steps[at - 1].name: new for at, new in marks.items()})
    return PlanSeen.of(plan)
