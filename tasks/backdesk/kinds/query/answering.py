"""The answer to one query over a tenant's data sets: found before, or by DuckDB.

The query has a process of its own, which this body waits for: so that a cancel, the end of the time or of the worker
end it at once, whatever it is doing. It only reads, and may be run again; an attempt that is lost begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from backdesk.kinds.query import cache, results
from backdesk.kinds.query.contract import Column, DataQueryRequest, DataQueryResult, DatasetRead, Estimate, Metrics
from backdesk.platform.deployment import deployment
from backdesk.platform.tool_settings import settings_of
from backdesk.tools.query import process
from backdesk.tools.query.catalogue import Dataset, visible
from backdesk.tools.query.order import REFUSED, Answer, QueryFailed
from backdesk.tools.query.settings import QuerySettings
from backdesk.tools.query.staging import stage, version_of
from backdesk.worker.attempt.context import BlockingContext

#: Of the whole: what is the query's own part; the rest is the writing of its result.
_OF_QUERY = 0.95


def answer(ctx: BlockingContext, request: DataQueryRequest) -> DataQueryResult:
    """Run a query, or return what an earlier one has found. Raises TaskError."""
    process.require()
    datasets = chosen(ctx.tenant, request)
    read = [DatasetRead(name=name, version=version_of(each), sample=each.sample) for name, each in datasets.items()]
    try:
        key = cache.key_of(cache.normalised(request.sql), request, read)
    except ValueError as error:
        raise process.failure_of(QueryFailed(REFUSED, str(error))) from None
    if (known := cache.look_up(ctx, key, request.cache_s)) is not None:
        ctx.progress(1.0, f"{known.row_count:,} rows, as found before")
        return known
    result = _run(ctx, request, datasets, read)
    cache.put(ctx, key, request.cache_s, result)
    return result


def chosen(tenant: str, request: DataQueryRequest) -> dict[str, Dataset]:
    """Return the data sets that a query may read. Raises TaskError for one that the tenant does not have."""
    settings = settings_of(QuerySettings)
    mine = visible(settings.datasets, tenant, samples=deployment().settings.samples)
    if request.datasets is None:
        return mine
    for name in request.datasets:
        if name not in mine:
            listed = ", ".join(sorted(mine)) or "none"
            raise process.failure_of(QueryFailed(REFUSED, f"there is no data set {name!r}; there are: {listed}"))
    return {name: mine[name] for name in sorted(set(request.datasets))}


def _run(
    ctx: BlockingContext, request: DataQueryRequest, datasets: Mapping[str, Dataset], read: list[DatasetRead]
) -> DataQueryResult:
    settings, database = settings_of(QuerySettings), deployment().database.of(ctx.tenant)
    with TemporaryDirectory(prefix="backdesk-query-") as folder:
        ctx.progress(message=f"{len(datasets)} data sets are opened")
        sources = tuple(
            stage(each, database, Path(folder), settings.max_table_rows, rows=each.name in request.sql.lower())
            for each in datasets.values()
        )
        order = process.order_for(
            request.sql,
            sources,
            folder,
            format=request.format,
            timeout_s=float(request.timeout_s),
            max_estimated_rows=request.max_estimated_rows,
        )
        try:
            found = process.run(order, lambda done: ctx.progress(done * _OF_QUERY, "the query runs"))
        except QueryFailed as error:
            raise process.failure_of(error) from None
        ctx.progress(1.0, f"{found.rows:,} rows")
        return _result(ctx, request, found, read)


def _result(ctx: BlockingContext, request: DataQueryRequest, found: Answer, read: list[DatasetRead]) -> DataQueryResult:
    file = Path(found.file)
    content = results.content_of(file, request.format)
    return DataQueryResult(
        query_id=ctx.job_id,
        datasets=read,
        row_count=found.rows,
        columns=[Column(**each) for each in found.columns],
        preview=found.preview,
        format=request.format,
        content=content,
        file=results.keep(ctx, file) if content is None else None,
        execution_s=found.seconds,
        cache_hit=False,
        estimate=Estimate.model_validate(found.estimate),
        metrics=Metrics.model_validate(found.metrics),
    )
