"""How far a report is: never back, also when another attempt goes over what is done, or the plan has grown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from math import ceil
from typing import Any, Literal

from pydantic import BaseModel

from backdesk.kinds.research.pace import MEASURED, Took, remaining_s
from backdesk.kinds.research.work import Work, digest
from backdesk.platform.deployment import deployment
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.plan import LONGEST_TITLE, StepState

#: The stages in their order.
STAGES = ("plan", "search", "read", "outline", "write", "check", "end")
Stage = Literal["plan", "search", "read", "outline", "write", "check", "end"]

#: Child jobs that work at the same time, by stage; between two rounds the report hears what its reader asks for.
AT_ONCE: Mapping[str, int] = {"read": 8, "write": 6}
#: How long a tenant's reports know what those before them have taken. Seconds.
KEPT_S = 30 * 86_400.0


class Told(BaseModel):
    """What was told, and since when the stage at hand goes on: the checkpoint of the job."""

    told: int = 0
    fraction: float = 0.0
    stage: str = ""
    at: float = 0.0
    took: Took = Took()


class Progress:
    """Tells stages and shares of them, each once in the life of the job, and the plan as it stands then.

    With them it tells when the report will be there, once that can be known.
    """

    def __init__(self, ctx: TaskContext, work: Work, clock: Callable[[], float] = time.time) -> None:
        self._ctx = ctx
        self._work = work
        self._clock = clock
        self._told = Told.model_validate(ctx.restored or {})
        self._number = 0
        self._before: Took | None = None

    async def tell(self, fraction: float, message: str, stage: Stage, **data: Any) -> None:
        """Tell where the report is, unless a former attempt has told it; and keep that it was told."""
        self._number += 1
        told = self._told
        if self._number <= told.told:
            return
        told.told, told.fraction = self._number, max(told.fraction, fraction)
        self._measure(stage)
        self._plan(stage)
        self._ctx.progress(told.fraction, message, stage=stage, **data, **await self._remaining(stage, data))
        await self._ctx.checkpoint(told)

    async def end(self) -> None:
        """Keep what the stages have taken for the reports that come."""
        self._measure("end")
        took = (await self._earlier()).followed_by(self._told.took)
        await self._ctx.cache(self._name(), took.model_dump_json().encode(), KEPT_S)

    def _measure(self, stage: Stage) -> None:
        """Note what the stage has taken that is over now."""
        now, told = self._clock(), self._told
        told.took.add(told.stage, now - told.at)
        told.stage, told.at = stage, now

    async def _remaining(self, stage: Stage, data: Mapping[str, Any]) -> dict[str, float]:
        if stage not in MEASURED:
            return {}
        rounds = dict.fromkeys(MEASURED[MEASURED.index(stage) :], 1)
        if "write" in rounds:
            rounds["write"] = ceil(self._work.most_sections / AT_ONCE["write"])
        if stage in AT_ONCE:
            rounds[stage] = ceil((data["total"] - data["done"]) / AT_ONCE[stage])
        seconds = remaining_s(rounds, self._told.took, await self._earlier())
        return {} if seconds is None else {"remaining_s": round(seconds, 1)}

    async def _earlier(self) -> Took:
        if self._before is None:
            kept = await self._ctx.cached(self._name())
            self._before = Took.model_validate_json(kept) if kept else Took()
        return self._before

    def _name(self) -> str:
        """Return under which name the tenant keeps what reports take that are made in this way."""
        settings, request = deployment().settings, self._work.request
        made = (settings.model, settings.offline, request.depth, request.sources, request.pdf)
        return f"research.report took {made!r}"

    def _plan(self, stage: Stage) -> None:
        steps = [*_steps(self._work, STAGES.index(stage))]
        titles = {key: title[:LONGEST_TITLE] for key, title, _ in steps}
        plan = self._ctx.plans.current
        if plan is None or {step.key: step.title for step in plan.steps} != titles:
            plan = self._ctx.plan(titles)
        plan.mark_all({key: state for key, _, state in steps})


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
