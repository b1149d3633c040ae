"""The kind `data.query`: one SELECT over a tenant's data sets. What answers it (`answering`) is loaded by the first."""

from __future__ import annotations

from backdesk.kinds.query.contract import DataQueryRequest, DataQueryResult
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.attempt.task import task

#: The longest query, with the reading of tables before it and the keeping of its result after it.
ATTEMPT_S = 900.0


@task("data.query", queue="tools", timeout=ATTEMPT_S)
def query_data(ctx: BlockingContext, request: DataQueryRequest) -> DataQueryResult:
    """Run a query, or return what an earlier one has found."""
    from backdesk.kinds.query.answering import answer  # noqa: PLC0415 - of no use to a worker without queries

    return answer(ctx, request)
