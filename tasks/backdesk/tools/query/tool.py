"""The tool by which agents query data sets. The work is a job of its own, on another queue: `data.query`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import Tool, tool
from backdesk.tools.query.order import Format

#: By name: of its tenant's jobs, the one of a higher priority runs first.
PRIORITIES = {"low": 2, "normal": 5, "high": 7, "critical": 9}
Priority = Literal["low", "normal", "high", "critical"]
DESCRIPTION = (
    "Ask a question of the data sets by one SELECT statement in the SQL of DuckDB. SHOW TABLES tells which data sets "
    "there are, and DESCRIBE and SUMMARIZE what is in one. Only the first rows come back: aggregate, filter and order."
)


class QueryAnswer(ToolOutcome):
    """What a query has found; the whole result is kept under `file` where it is not among the rows."""

    query_id: str
    row_count: int
    columns: list[dict[str, str]]
    rows: list[dict[str, Any]]
    #: Whether `rows` are all, and not the first.
    complete: bool
    file: dict[str, Any] | None
    execution_s: float
    cache_hit: bool
    estimate: dict[str, int | None]
    metrics: dict[str, float | int | None]
    #: Whether any of the data is made up.
    sample: bool

    def summary(self) -> str:
        again = ", as found before" if self.cache_hit else ""
        return f"{self.row_count:,} rows of {len(self.columns)} columns in {self.execution_s:.2f} s{again}"


def query_tool(
    name: str = "query_data",
    *,
    datasets: Sequence[str] | None = None,
    description: str = DESCRIPTION,
    max_estimated_rows: int | None = None,
) -> Tool[..., QueryAnswer | Refusal]:
    """Return a tool that queries the data sets of the tenant whom an agent serves, or those of them that are named.

    The model chooses the statement, and within bounds the time-out, the format of the whole result, how old a kept one
    may be, and how soon. `max_estimated_rows` refuses what is expected to be larger. Raises ConfigurationError for a
    name that models cannot call.
    """
    allowed = None if datasets is None else sorted(set(datasets))

    @tool("pure", name=name, description=description)
    async def query(
        desk: Desk,
        sql: Annotated[str, Field(min_length=1, max_length=20_000)],
        *,
        timeout_s: Annotated[int, Field(ge=1, le=300)] = 60,
        format: Annotated[Format, Field(description="What the whole result is written as.")] = "json",  # noqa: A002 - the word of the field
        cache_s: Annotated[int, Field(ge=0, le=3600, description="How old an earlier result may be.")] = 0,
        priority: Priority = "normal",
    ) -> QueryAnswer | Refusal:
        request = {
            "sql": sql,
            "datasets": allowed,
            "format": format,
            "timeout_s": timeout_s,
            "cache_s": cache_s,
            "max_estimated_rows": max_estimated_rows,
        }
        end = await desk.call("data.query", request, priority=PRIORITIES[priority])
        if end.result is None:
            return Refusal(refused=end.error.message if end.error else "The query came to no result.")
        return _answer(end.result)

    return query


def _answer(result: dict[str, Any]) -> QueryAnswer:
    return QueryAnswer(
        **{name: result[name] for name in QueryAnswer.model_fields if name in result},
        rows=result["preview"],
        complete=len(result["preview"]) == result["row_count"],
        sample=any(each["sample"] for each in result["datasets"]),
    )
