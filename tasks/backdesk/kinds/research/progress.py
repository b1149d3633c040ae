"""How far a report is: never back, also when another attempt goes over what is done, or the plan has grown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from backdesk.kinds.research.work import Work, digest
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.plan import LONGEST_TITLE, StepState

#: The stages in their order.
STAGES = ("plan", "search", "read", "outline", "write", "check", "end")
Stage = Literal["plan", "search", "read", "outline", "write", "check", "end"]


class Progress:
    """Tells stages and shares of them, each once in the life of the job, and the plan as it stands then."""

    def __init__(self, ctx: TaskContext, work: Work) -> None:
        self._ctx = ctx
        self._work = work
        restored = ctx.restored or {}
        self._told: int = restored.get("told", 0)
        self._fraction: float = restored.get("fraction", 0.0)
        self._number = 0

    async def tell(self, fraction: float, message: str, stage: Stage, **data: Any) -> None:
        """Tell where the report is, unless a former attempt has told it; and keep that it was told."""
        self._number += 1
        if self._number <= self._told:
            return
        self._told, self._fraction = self._number, max(self._fraction, fraction)
        self._plan(stage)
        self._ctx.progress(self._fraction, message, stage=stage, **data)
        await self._ctx.checkpoint({"told": self._told, "fraction": self._fraction})

    def _plan(self, stage: Stage) -> None:
        steps = [*_steps(self._work, STAGES.index(stage))]
        titles = {key: title[:LONGEST_TITLE] for key, title, _ in steps}
        plan = self._ctx.plans.current
        if plan is None or {step.key: step.title for step in plan.steps} != titles:
            plan = self._ctx.plan(titles)
        for key, _, state in steps:
            plan.mark(key, state)


def _steps(work: Work, now: int) -> Iterator[tuple[str, str, StepState]]:
    """Yield the steps of the plan by their keys, with how far each is in the stage at hand.

    Topics and sections are done or not: each state is an event, and those of a stage would be in hand together.
    """
    yield "plan", "Plan the report", _state(now > 0, running=now == 0)
    yield "read", "Search and read the sources", _state(now > 2, running=now in (1, 2))
    topics, new = (work.planned.topics, work.new_topics) if work.plan else ([], [])
    for topic in topics:
        yield f"read/{digest(topic)}", f"Read on: {topic.title}", _state(topic not in new)
    yield "outline", "Outline the report", _state(now > 3, running=now == 3)
    yield "write", "Write the sections", _state(now > 4, running=now == 4)
    for section in work.outline:
        name = digest(work.request_of(section))
        yield f"write/{name}", f"Write: {section.title}", _state(name in work.drafts)
    yield "check", "Check the citations", _state(now > 5, running=now == 5)


def _state(done: bool, *, running: bool = False) -> StepState:
    return StepState.DONE if done else StepState.RUNNING if running else StepState.PENDING
