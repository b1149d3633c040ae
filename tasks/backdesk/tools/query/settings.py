"""The settings of queries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from backdesk.platform.dependency import Dependency
from backdesk.platform.tool_settings import ToolSettings


class QuerySettings(ToolSettings):
    """What queries may read and take."""

    title: ClassVar[str] = "queries"

    #: A file of data sets, TOML or JSON, or a folder of such files; by default there is the sample alone.
    datasets: Path | None = Field(None, validation_alias="BACKDESK_DATASETS")
    memory_mb: int = Field(512, ge=64, le=65_536, validation_alias="BACKDESK_QUERY_MEMORY_MB")
    threads: int = Field(2, ge=1, le=64, validation_alias="BACKDESK_QUERY_THREADS")
    #: What a query may put on the disk when it has no memory left; 0 for nothing.
    spill_mb: int = Field(1024, ge=0, le=1_048_576, validation_alias="BACKDESK_QUERY_SPILL_MB")
    max_rows: int = Field(1_000_000, ge=1, le=100_000_000, validation_alias="BACKDESK_QUERY_MAX_ROWS")
    #: No more than a blob may have (BACKDESK_MAX_BLOB_BYTES).
    max_result_mb: int = Field(100, ge=1, le=10_240, validation_alias="BACKDESK_QUERY_MAX_RESULT_MB")
    #: The most rows of a table of the business database that are read for a query.
    max_table_rows: int = Field(1_000_000, ge=1, le=100_000_000, validation_alias="BACKDESK_QUERY_MAX_TABLE_ROWS")

    def dependencies(self) -> Sequence[Dependency]:
        """Return the catalogue of data sets and the libraries."""
        return (Dependency("data sets", self._check_datasets), Dependency("DuckDB", _check_libraries))

    def _check_datasets(self) -> str:
        from backdesk.tools.query.catalogue import read_catalogue  # noqa: PLC0415 - it reads these settings

        return f"{len(read_catalogue(self.datasets))} data sets" if self.datasets else "the sample"


def _check_libraries() -> str:
    from backdesk.tools.query.process import require  # noqa: PLC0415 - as above

    require()
    return "installed"
