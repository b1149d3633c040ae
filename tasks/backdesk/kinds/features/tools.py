"""The tools of whoever plans an extraction: the protocol of the warehouse, bound to the tenant and the job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field
from pydantic_core import to_json

from backdesk.agents import Context, Desk, Refusal, tool
from backdesk.agents.tools import Tool
from backdesk.kinds.features.contract import ColumnProfile, FeaturePlan, Quality
from backdesk.kinds.features.rules import fitted
from backdesk.kinds.features.warehouse.protocol import Look, PipelineJob, PipelineStatus, Rows, SavedJob, Warehouse
from backdesk.kinds.features.warehouse.threads import off_the_loop
from backdesk.worker.errors import TaskError

#: The key of the job, under which an extraction is saved: whoever saves it saves the same one.
SAVE = "save"
#: What a model is given of a look at most. Bytes of JSON.
MOST_BYTES = 16_000


class Planning(Context):
    """What is planned: the extraction of the job, and what is in its data; and whether a tool saves it, or has."""

    dataset_id: str = ""
    description: str = ""
    quality_threshold: Quality = "medium"
    columns: tuple[ColumnProfile, ...] = ()
    saved: bool = False


def warehouse_tools(open_for: Callable[[str], Warehouse]) -> tuple[Tool[..., Any], ...]:
    """Return the tools over the warehouse that `open_for` returns of a tenant: always of the desk's."""

    @tool("pure")
    async def execute_query(
        desk: Desk[Planning], sql: Annotated[str, Field(min_length=1, max_length=5_000)]
    ) -> Rows | Refusal:
        """Look at the data set by one SELECT in the SQL of DuckDB. The first 20 rows come back: count and aggregate."""
        warehouse, look = open_for(desk.tenant), Look()
        dataset_id = desk.context.dataset_id
        try:
            rows = await off_the_loop(warehouse.execute_query, dataset_id, sql, _untold, look=look)
        except TaskError as error:
            return _refused(error)
        if len(to_json(rows)) > MOST_BYTES:
            return Refusal(refused="That is too much to read: select fewer columns, or shorter values.")
        return rows

    @tool("pure")
    async def pipeline_status(
        desk: Desk[Planning], pipeline_id: Annotated[str, Field(min_length=1, max_length=200)]
    ) -> PipelineStatus | Refusal:
        """Tell how far a pipeline is that `save_job` has returned."""
        try:
            return await off_the_loop(open_for(desk.tenant).pipeline_status, pipeline_id)
        except TaskError as error:
            return _refused(error)

    @tool("idempotent")
    async def save_job(desk: Desk[Planning], plan: FeaturePlan) -> SavedJob | Refusal:
        """Keep this extraction with its plan in the warehouse: once. What you answer with takes the plan's place."""
        planned = desk.context
        if planned.saved:
            return Refusal(refused="This extraction is kept already; the plan that you answer with is what counts.")
        fitting, left_out = fitted(plan, planned.columns)
        if fitting is None:
            return Refusal(refused=f"No feature of the plan can be made of the data: {', '.join(left_out)[:500]}")
        desk.learn(saved=True)  # before the wait: calls of one response are made at the same time
        try:
            return await off_the_loop(open_for(desk.tenant).save_job, job_of(planned, fitting), desk.key(SAVE))
        except TaskError as error:
            desk.learn(saved=False)
            return _refused(error)

    return execute_query, pipeline_status, save_job


def job_of(planned: Planning, plan: FeaturePlan) -> PipelineJob:
    """Return the extraction as a warehouse keeps it."""
    return PipelineJob(
        dataset_id=planned.dataset_id,
        description=planned.description,
        quality_threshold=planned.quality_threshold,
        plan=plan,
    )


def _untold(_fraction: float) -> None:
    return


def _refused(error: TaskError) -> Refusal:
    """Say why a call came to nothing. The plan is worth having without it: what is wrong for good ends a later step."""
    return Refusal(refused=str(error)[:1_000])
