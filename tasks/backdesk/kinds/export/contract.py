"""The kind `report.export`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from backdesk.platform.contract import Contract, KindModels
from backdesk.worker.model.blob import BlobRef

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Format = Literal["csv", "parquet", "xlsx"]


class ExportRequest(Contract):
    """What to export, for the kind `report.export`: a source that the deployment has registered, and in which form."""

    source: Name = Field(description="What is exported, such as `orders` of the sample shop.")
    format: Format = "csv"
    columns: list[Name] | None = Field(
        None, min_length=1, max_length=500, description="Only these columns, in this order; all when left out."
    )
    escape_formulas: bool = Field(
        True, description="In CSV: a text that a spreadsheet would compute, as `=1+1`, gets a ' before it."
    )
    rows_per_part: int = Field(50_000, ge=1, le=1_000_000, description="Rows that are read and kept at once.")
    pause_ms_per_part: int = Field(
        0, ge=0, le=60_000, description="Rest between parts, to go easy on a database that others use."
    )


class ExportResult(Contract):
    """A file of all rows, with its checksum: `client.files.save(job)` or `ctx.save_file` gets it."""

    file: BlobRef
    source: str
    format: Format
    columns: list[str]
    rows: int
    bytes: int
    sha256: str
    #: Since the export began, pauses and crashes included.
    elapsed_seconds: float


KIND = KindModels("report.export", "tools", ExportRequest, ExportResult)
