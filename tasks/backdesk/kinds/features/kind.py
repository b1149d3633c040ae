"""The kind `data.features`: plans an extraction, keeps it in the warehouse once, and has its steps run as jobs.

Each step is a job of its own on the queue `tools`, and done once in the life of this one: an attempt after a crash
finds the ends of those that are done. The slot is free while they run. They end with this job.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import to_json

from backdesk.agents import Agent, Consultation
from backdesk.agents.kind import RETRY
from backdesk.kinds.features import steps
from backdesk.kinds.features.contract import (
    ColumnProfile,
    FeatureMetrics,
    FeaturePlan,
    FeatureRequest,
    FeatureResult,
    PipelineStep,
    StepName,
    StepRequest,
    StepResult,
)
from backdesk.kinds.features.rules import calls_for, fitted, plan_for
from backdesk.kinds.features.tools import SAVE, Planning, job_of, warehouse_tools
from backdesk.kinds.features.warehouse.opening import warehouse_of
from backdesk.kinds.features.warehouse.protocol import PipelineJob, PipelineStatus, SavedJob, Status
from backdesk.kinds.features.warehouse.threads import off_the_loop
from backdesk.tools.query.sample import SAMPLE_NAME
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import InvalidRequest, TaskError
from backdesk.worker.failure import Category, Failure
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.plan import SETTLED, Plan, StepState

PLANNER = Agent(
    "planner",
    Path(__file__).with_name("prompts") / "planner.md",
    output=FeaturePlan,
    duty="Planning",
    tools=warehouse_tools(warehouse_of),
)
#: What a plan costs is a few requests; a job that needs more than that has gone astray.
BUDGET = Budget(tokens=200_000)
STEPS = {
    "profile": "Look through the data",
    "plan": "Plan the features",
    "save": "Keep the extraction in the warehouse",
    "clean": "Leave out duplicates and invalid rows",
    "features": "Make the features",
    "check": "Check them against the threshold",
}
#: Of a pipeline that a service still works on when all steps are done here.
UNDER_WAY = ("queued", "processing")
WORK: tuple[StepName, ...] = ("clean", "features", "check")
PlannedBy = Literal["model", "rules"]
_STATUS: dict[StepState, Literal["queued", "processing", "completed", "failed", "skipped"]] = {
    StepState.PENDING: "queued",
    StepState.RUNNING: "processing",
    StepState.DONE: "completed",
    StepState.FAILED: "failed",
    StepState.SKIPPED: "skipped",
}
#: What comes after the profile goes through the data so many times: to clean, to make, to sum up, and to check twice.
_PASSES = 5


class Estimate(BaseModel):
    """When the work should be done, as estimated once."""

    completion: datetime


class Extraction:
    """One attempt at an extraction."""

    def __init__(self, ctx: TaskContext, request: FeatureRequest) -> None:
        self._ctx = ctx
        self._request = request
        self._plan: Plan = ctx.plan(STEPS)
        self._done: dict[str, StepResult] = {}
        #: So many steps had been told of when the attempt began.
        self._told_of = self._settled

    async def run(self) -> FeatureResult:
        """Go through all steps."""
        await self._ctx.step("accepted", self._accept, effect="pure")
        profile = await self._step("profile")
        columns = profile.columns
        with self._plan.step("plan"):
            plan, planned_by, dropped = await self._planned(columns)
        estimate = await self._ctx.step("estimate", partial(_estimated, profile.seconds), effect="pure")
        on_time = self._on_time(estimate.completion)
        self._told(f"{len(plan.features)} features; {_in_time(on_time, estimate.completion)}")
        with self._plan.step("save"):
            saved = await self._saved(plan)
        await self._record(saved, "processing")
        reason = await self._worked(plan, columns, saved)
        status: Status = "failed" if reason else "completed"
        there = await self._record(saved, status)
        completion = there.estimated_completion or estimate.completion
        if reason:
            self._ctx.progress(None, f"{status}: {reason}")
        return FeatureResult(
            extraction_id=self._ctx.job_id,
            dataset_id=self._request.dataset_id,
            sample=self._request.dataset_id == SAMPLE_NAME,
            status=there.status,
            failure_reason=reason,
            planned_by=planned_by,
            plan=plan,
            estimated_completion=completion,
            on_time=self._on_time(completion),
            completed_at=_now(),
            pipeline_id=saved.pipeline_id,
            job_url=saved.job_url,
            steps=self._steps(dropped),
            metrics=self._metrics(),
        )

    def _accept(self) -> None:
        """Raise InvalidRequest for a completion date that is over: once, as time goes on while the work does."""
        wanted = self._request.completion_date
        if wanted is not None and wanted <= _now():
            raise InvalidRequest("completion_date", "must be in the future when the work begins")

    async def _worked(self, plan: FeaturePlan, columns: Sequence[ColumnProfile], saved: SavedJob) -> str | None:
        """Have the steps run that need the plan; return why the extraction has failed, if it has."""
        for name in WORK:
            try:
                end = await self._step(name, plan=plan, columns=columns, pipeline_id=saved.pipeline_id)
            except StepFailed as failed:
                return failed.message
            if end.passed is False:
                self._plan.mark(name, StepState.FAILED)
                return end.reason
        return None

    async def _step(self, name: StepName, **fields: Any) -> StepResult:
        """Have a step run as a job. Raises StepFailed when that comes to no result."""
        threshold = self._request.quality_threshold
        request = StepRequest(step=name, dataset_id=self._request.dataset_id, quality_threshold=threshold, **fields)
        with self._plan.step(name):
            end = await self._ctx.call(steps.run_step, request, key=f"step/{name}")
            if end.result is None:
                raise StepFailed(name, end.error)
        self._done[name] = end.value()
        self._told(STEPS[name])
        return self._done[name]

    async def _planned(self, columns: Sequence[ColumnProfile]) -> tuple[FeaturePlan, PlannedBy, list[str]]:
        """Return the plan, by whom it is, and what was left out of what a model has planned."""
        told = {"purpose": self._request.description, "columns": [each.model_dump() for each in columns]}
        found = await Consultation(self._ctx, context=self._planning(columns)).ask(
            PLANNER,
            to_json(told).decode(),
            key="plan",
            rules=partial(plan_for, columns),
            calls=partial(calls_for, self._request.dataset_id, columns),
        )
        plan, dropped = fitted(found.output, columns)
        by_rules = plan is None or found.by_rules or found.offline
        return plan or plan_for(columns), "rules" if by_rules else "model", dropped

    def _planning(self, columns: Sequence[ColumnProfile]) -> Planning:
        asked = self._request
        return Planning(
            dataset_id=asked.dataset_id,
            description=asked.description,
            quality_threshold=asked.quality_threshold,
            columns=tuple(columns),
        )

    async def _saved(self, plan: FeaturePlan) -> SavedJob:
        """Keep the plan that is run: once, under the key of the job, whatever the planner has saved of it."""
        job, key = job_of(self._planning(()), plan), self._ctx.idempotency_key(SAVE)
        return await self._ctx.step("save", self._save, job, key, effect="idempotent")

    async def _save(self, job: PipelineJob, key: str) -> SavedJob:
        return await off_the_loop(warehouse_of(self._ctx.tenant).save_job, job, key)

    async def _record(self, saved: SavedJob, status: Status) -> PipelineStatus:
        """Tell the warehouse, and return what it says: of a service that goes on by itself, how far that is."""
        told = partial(self._recorded, saved, status)
        return await self._ctx.step(f"record/{status}", told, effect="idempotent", returns=PipelineStatus)

    async def _recorded(self, saved: SavedJob, status: Status) -> PipelineStatus:
        def work() -> PipelineStatus:
            warehouse = warehouse_of(self._ctx.tenant)
            warehouse.record(saved.pipeline_id, status, self._metrics().model_dump(mode="json"))
            return warehouse.pipeline_status(saved.pipeline_id)

        found = await off_the_loop(work)
        if found.status != status and (status == "failed" or found.status not in UNDER_WAY):
            raise TaskError(
                "warehouse_disagrees",
                f"the warehouse has pipeline {saved.pipeline_id} as {found.status}, not {status}",
                category=Category.DATA_CORRUPTION,
            )
        return found

    def _on_time(self, completion: datetime) -> bool | None:
        wanted = self._request.completion_date
        return None if wanted is None else completion <= wanted

    @property
    def _settled(self) -> int:
        return sum(step.state in SETTLED for step in self._plan.steps)

    def _told(self, message: str) -> None:
        """Tell how far it is, unless an attempt before this one has."""
        if (settled := self._settled) > self._told_of:
            self._told_of = settled
            self._ctx.progress(settled / len(STEPS), message)

    def _steps(self, dropped: list[str]) -> list[PipelineStep]:
        figures: dict[str, dict[str, Any]] = {name: end.figures for name, end in self._done.items()}
        figures["plan"] = {"left_out": dropped} if dropped else {}
        return [
            PipelineStep(
                name=step.name,
                title=step.title,
                status=_STATUS[step.state] if step.state is not StepState.PENDING else "skipped",
                seconds=self._done[step.name].seconds if step.name in self._done else None,
                figures=figures.get(step.name, {}),
            )
            for step in self._plan.steps
        ]

    def _metrics(self) -> FeatureMetrics:
        figures: dict[str, Any] = {}
        for end in self._done.values():
            figures |= end.figures
        known = {name: figures[name] for name in FeatureMetrics.model_fields if name in figures}
        features = self._done["features"].features if "features" in self._done else []
        return FeatureMetrics(**known, features=features)


class StepFailed(TaskError):
    """A step has come to no result: its job says why."""

    def __init__(self, name: str, failure: Failure | None) -> None:
        said = failure.message if failure else "it was ended"
        super().__init__(
            failure.code if failure else "step_failed",
            f"step {name}: {said}",
            category=failure.category if failure else Category.UNKNOWN,
        )


@task("data.features", queue="agents", retry=RETRY, budget=BUDGET)
async def extract_features(ctx: TaskContext, request: FeatureRequest) -> FeatureResult:
    """Plan and run an extraction of features."""
    return await Extraction(ctx, request).run()


def _now() -> datetime:
    return datetime.now(UTC)


def _estimated(profile_s: float) -> Estimate:
    return Estimate(completion=_now() + timedelta(seconds=profile_s * _PASSES))


def _in_time(on_time: bool | None, completion: datetime) -> str:
    said = f"done by {completion:%Y-%m-%d %H:%M} UTC, as estimated"
    return said if on_time is not False else f"{said}, which is too late"
