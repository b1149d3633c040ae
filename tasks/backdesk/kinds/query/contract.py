"""The kind `data.query`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from backdesk.platform.contract import Contract, DatasetName, KindModels
from backdesk.worker.model.blob import BlobRef

Format = Literal["json", "csv", "parquet"]
Sql = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]


class DataQueryRequest(Contract):
    """What to ask of which data sets, for the kind `data.query`. How soon is the priority of the job."""

    sql: Sql = Field(description="One SELECT statement, as DuckDB has it; also SHOW TABLES, DESCRIBE and SUMMARIZE.")
    datasets: list[DatasetName] | None = Field(
        None, max_length=50, description="The data sets that it may read; all that the tenant has when left out."
    )
    format: Format = Field("json", description="What the whole result is written as.")
    timeout_s: int = Field(60, ge=1, le=300, description="How long the query may take.")
    cache_s: int = Field(0, ge=0, le=3600, description="How old a result may be that is given again for the same.")
    max_estimated_rows: int | None = Field(
        None, ge=1, description="Refuses a query of which DuckDB expects more rows than this in any of its steps."
    )


class Column(Contract):
    """A column of the result."""

    name: str
    type: str


class DatasetRead(Contract):
    """A data set that the query could read."""

    name: str
    version: str | None = Field(description="Another one when the data is; null where nothing tells, as of a database.")
    sample: bool = Field(description="Whether it is made up.")


class Estimate(Contract):
    """The rows that DuckDB's optimizer expected before the query ran; null where it does not say."""

    rows_read: int | None = None
    rows_of_largest_step: int | None = None
    rows: int | None = None


class Metrics(Contract):
    """What was measured; null where nothing tells."""

    cpu_s: float | None = Field(None, description="CPU of the query and of writing its result.")
    peak_memory_bytes: int | None = Field(None, description="The most that its process had, itself included.")
    peak_buffer_bytes: int | None = Field(None, description="The most that DuckDB held of data.")
    spilled_bytes: int | None = Field(None, description="What went to the disk for want of memory.")
    rows_read: int | None = Field(None, description="Rows that were scanned in the data sets.")
    bytes_read: int | None = Field(None, description="Bytes that were read of files.")
    rows_of_all_steps: int | None = Field(None, description="The rows of all steps of the plan together.")


class DataQueryResult(Contract):
    """The result of a query, or its first rows and where the rest is."""

    query_id: str
    datasets: list[DatasetRead]
    row_count: int
    columns: list[Column]
    preview: list[dict[str, Any]] = Field(description="The first rows; long texts are cut.")
    format: Format
    content: str | None = Field(None, description="The whole result in its format, where it is small text.")
    file: BlobRef | None = Field(None, description="The whole result, where it is not: a file of the job.")
    execution_s: float = Field(description="How long the query ran, its result written.")
    cache_hit: bool = Field(description="Whether this is what an earlier query has found, with its figures.")
    cached_from: str | None = Field(None, description="That query.")
    estimate: Estimate
    metrics: Metrics


KIND = KindModels("data.query", "tools", DataQueryRequest, DataQueryResult)
