"""The kind `data.features.step`: one step of an extraction, by the queries that it asks of the warehouse."""

from __future__ import annotations

import time
from typing import Any

from backdesk.kinds.features import statements
from backdesk.kinds.features.contract import (
    ColumnProfile,
    FeatureColumn,
    FeaturePlan,
    StepRequest,
    StepResult,
)
from backdesk.kinds.features.quality import THRESHOLDS
from backdesk.kinds.features.statements import name_of
from backdesk.kinds.features.warehouse.opening import warehouse_of
from backdesk.kinds.features.warehouse.protocol import Warehouse
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

ATTEMPT_S = 900.0
#: With more a profile, and what a model is told of it, gets out of hand.
MOST_COLUMNS = 200


@task("data.features.step", queue="tools", timeout=ATTEMPT_S)
def run_step(ctx: BlockingContext, request: StepRequest) -> StepResult:
    """Run one step; a repeat counts the same anew, and replaces the table of features by the same one."""
    began, work = time.monotonic(), Work(ctx, request)
    made = getattr(work, request.step)()
    return StepResult(step=request.step, seconds=round(time.monotonic() - began, 3), **made)


class Work:
    """The steps, each as a method of its name: what it returns are fields of the result."""

    def __init__(self, ctx: BlockingContext, request: StepRequest) -> None:
        self._ctx = ctx
        self._request = request
        self._warehouse: Warehouse = warehouse_of(ctx.tenant)

    @property
    def plan(self) -> FeaturePlan:
        if self._request.plan is None:
            raise TaskError("plan_missing", f"step {self._request.step} needs a plan", category=Category.VALIDATION)
        return self._request.plan

    def profile(self) -> dict[str, Any]:
        """Count what is in each column."""
        dataset = self._request.dataset_id
        described = self._rows(statements.describe(dataset))
        types = [(str(row["column_name"]), str(row["column_type"])) for row in described]
        if not 0 < len(types) <= MOST_COLUMNS:
            raise TaskError(
                "dataset_too_wide",
                f"{dataset} has {len(types)} columns, not 1 to {MOST_COLUMNS}",
                category=Category.VALIDATION,
            )
        counted = self._row(statements.profile(dataset, types))
        rows = int(counted["rows"])
        columns = [_profiled(name, kind, number, rows, counted) for number, (name, kind) in enumerate(types)]
        return {"columns": columns, "figures": {"rows": rows, "columns": len(columns)}}

    def clean(self) -> dict[str, Any]:
        """Count what is left out, and what is left."""
        counted = self._row(statements.clean(self._request.dataset_id, self.plan))
        rows, single, valid = (int(counted[name]) for name in ("rows", "single", "valid"))
        figures = {
            "rows": rows,
            "duplicates_removed": rows - single,
            "invalid_removed": single - valid,
            "valid_rows": valid,
            "valid_share": round(valid / single, 6) if single else 0.0,
        }
        return {"figures": figures}

    def features(self) -> dict[str, Any]:
        """Make the table of features and keep it; count what is in it."""
        statement = statements.features(self._request.dataset_id, self.plan)
        self._rows(statement, save_as=self._request.pipeline_id)
        return self._summary()

    def check(self) -> dict[str, Any]:
        """Hold what was made to the threshold, by counts of its own."""
        figures = self.clean()["figures"] | self._summary()["figures"]
        threshold = THRESHOLDS[self._request.quality_threshold]
        reason = threshold.reason_against(figures["valid_share"], figures["null_share"], figures["feature_rows"])
        if figures["feature_rows"] != figures["valid_rows"]:
            reason = f"{figures['feature_rows']:,} rows of features came of {figures['valid_rows']:,} valid ones"
        return {"figures": figures, "passed": reason is None, "reason": reason}

    def _summary(self) -> dict[str, Any]:
        counted = self._row(statements.summary(self._request.dataset_id, self.plan))
        rows = int(counted["rows"])
        columns = [
            FeatureColumn(
                name=name_of(each),
                nulls=rows - int(counted[f"n{number}"]),
                least=counted[f"l{number}"],
                most=counted[f"m{number}"],
                mean=counted[f"a{number}"],
            )
            for number, each in enumerate(self.plan.features)
        ]
        worst = max((each.nulls for each in columns), default=0)
        figures = {
            "feature_rows": rows,
            "feature_columns": len(columns),
            "null_share": round(worst / rows, 6) if rows else 0.0,
        }
        return {"features": columns, "figures": figures}

    def _row(self, sql: str) -> dict[str, Any]:
        rows = self._rows(sql)
        if len(rows) != 1:
            raise TaskError(
                "warehouse_answer_invalid",
                f"the warehouse answers with {len(rows)} rows where there is one",
                category=Category.DATA_CORRUPTION,
            )
        return rows[0]

    def _rows(self, sql: str, *, save_as: str = "") -> list[dict[str, Any]]:
        def tell(done: float) -> None:
            self._ctx.progress(done, self._request.step)

        return self._warehouse.execute_query(self._request.dataset_id, sql, tell, save_as=save_as).rows


def _profiled(name: str, kind: str, number: int, rows: int, counted: dict[str, Any]) -> ColumnProfile:
    nulls = rows - int(counted[f"n{number}"])
    return ColumnProfile(
        name=name,
        type=kind,
        nulls=nulls,
        null_share=round(nulls / rows, 6) if rows else 0.0,
        distinct=counted[f"d{number}"],
        least=_short(counted[f"l{number}"]),
        most=_short(counted[f"m{number}"]),
        mean=counted[f"a{number}"],
    )


def _short(value: str | None) -> str | None:
    return value if value is None else value[:100]
