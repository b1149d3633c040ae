"""Results that are given again: for the same SELECT on the same data, no older than the caller allows.

What is the same says sqlglot, which writes a statement anew without its comments and blanks. Where nothing tells the
version of the data, as of tables in a database, the age alone counts.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence

from pydantic import ValidationError

from backdesk.kinds.query.contract import DataQueryRequest, DataQueryResult, DatasetRead
from backdesk.kinds.query.results import kept_again
from backdesk.tools.sql_parsing import parsed
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.errors import ConfigurationError

_log = logging.getLogger(__name__)

#: Other figures of the same SELECT are another result.
_FORMAT_OF_CACHE = "data.query/2"


def key_of(statement: str, request: DataQueryRequest, datasets: Sequence[DatasetRead]) -> str:
    """Return what results of the same question are kept under, within a tenant."""
    versions = [(each.name, each.version) for each in datasets]
    return json.dumps([_FORMAT_OF_CACHE, statement, request.format, versions])


def look_up(ctx: BlockingContext, key: str, max_age_s: float) -> DataQueryResult | None:
    """Return a result that is young enough and whose file is still there, marked as one from the cache."""
    found = ctx.cached(key) if max_age_s else None
    if found is None:
        return None
    try:
        entry = json.loads(found)
        result = DataQueryResult.model_validate(entry["result"])
    except (ValueError, KeyError, ValidationError):  # of another version
        return None
    if not 0 <= time.time() - entry["at"] <= max_age_s:
        return None
    file = kept_again(ctx, result.file) if result.file else None
    if result.file and file is None:
        return None
    known = {"query_id": ctx.job_id, "file": file, "cache_hit": True, "cached_from": result.query_id}
    return result.model_copy(update=known)


def put(ctx: BlockingContext, key: str, keep_s: float, result: DataQueryResult) -> None:
    """Keep a result for the tenant's jobs that ask the same, unless it is larger than what the deployment keeps."""
    if not keep_s:
        return
    entry = {"at": time.time(), "result": result.model_dump(mode="json")}
    try:
        ctx.cache(key, json.dumps(entry).encode(), keep_s)
    except ValueError as error:
        _log.warning("answer_not_cached", extra={"reason": str(error)})


def normalised(sql: str) -> str:
    """Return a statement as sqlglot writes it. Raises ValueError for what is no single query, with the reason."""
    try:
        from sqlglot import exp  # noqa: PLC0415 - a tenth of a second, in a worker that runs queries alone
        from sqlglot.errors import SqlglotError  # noqa: PLC0415 - as above
    except ImportError:
        raise ConfigurationError('queries need libraries: pip install "backdesk[tools]"') from None
    try:
        found = [each for each in parsed(sql, "duckdb") if each is not None]
        if len(found) != 1 or not isinstance(found[0], exp.Query | exp.Show | exp.Describe | exp.Summarize):
            raise ValueError(f"a query is one SELECT statement; this is {_named(found)}")
        return str(found[0].sql(dialect="duckdb", comments=False))
    except SqlglotError as error:
        raise ValueError(f"it is not understood: {str(error).splitlines()[0][:300]}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _named(found: Sequence[object]) -> str:
    return ", ".join(type(each).__name__.upper() for each in found[:5]) or "none"
