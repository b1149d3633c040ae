"""What an extraction asks of a warehouse, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict

from backdesk.kinds.features.contract import FeaturePlan, Quality

Status = Literal["queued", "processing", "completed", "failed"]
#: Gets the part of a query that is done, as far as that is known.
Tell = Callable[[float], None]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PipelineJob(_Value):
    """An extraction to keep."""

    dataset_id: str
    description: str
    quality_threshold: Quality
    plan: FeaturePlan


class SavedJob(_Value):
    """Under what a warehouse keeps it."""

    pipeline_id: str
    job_url: str


class PipelineStatus(_Value):
    """How far a pipeline is, as the warehouse has it."""

    pipeline_id: str
    status: Status
    figures: dict[str, Any] = {}
    #: Of one that goes on where the warehouse is, when that is known.
    estimated_completion: AwareDatetime | None = None


class Rows(_Value):
    """What a query gave: rows by the names of their columns."""

    rows: list[dict[str, Any]]


class Look(_Value):
    """The bounds of a query that only looks at the data: rows that come back, and seconds."""

    rows: int = 20
    timeout_s: float = 20.0


class Warehouse(Protocol):
    """Keeps extractions of one tenant and runs their queries. All of it blocks; all of it may be repeated.

    Each raises TaskError: a transient one for what another attempt may find otherwise.
    """

    def save_job(self, job: PipelineJob, key: str) -> SavedJob:
        """Keep an extraction; the same key finds the same one, and never makes a second.

        Until it is being processed, what is saved last takes the place of what was.
        """

    def record(self, pipeline_id: str, status: Status, figures: dict[str, Any]) -> None:
        """Say how far a pipeline is."""

    def pipeline_status(self, pipeline_id: str) -> PipelineStatus:
        """Return how far a pipeline is."""

    def execute_query(
        self, dataset_id: str, sql: str, tell: Tell, *, save_as: str = "", look: Look | None = None
    ) -> Rows:
        """Run a SELECT of DuckDB's SQL; with `save_as` its whole result is kept as a table of that pipeline.

        Returns the first rows: of a result that is kept no more than a few, and of a `look` no more than it says.
        """
