"""The kind `report.export`: a source becomes a file.

Rows are read by their key, and kept part by part with the job's blobs; after each part the checkpoint says which row
was the last. An attempt after a crash goes on there: a part that was kept without that is written once more, the same.
CSV is its parts, one after the other. Parquet and XLSX are written as a whole in the end, from parts of JSON: always
the same file for the same rows. What does that (`writing`) is loaded by the first export.
"""

from __future__ import annotations

from backdesk.kinds.export import tables
from backdesk.kinds.export.contract import ExportRequest, ExportResult
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.attempt.task import task

tables.register_shop()

#: An export may take hours. What it has read by then is not lost.
ATTEMPT_S = 6 * 3600.0


@task("report.export", queue="tools", timeout=ATTEMPT_S)
def export(ctx: BlockingContext, request: ExportRequest) -> ExportResult:
    """Write all rows of a source into a file that is kept with the job."""
    from backdesk.kinds.export.writing import write  # noqa: PLC0415 - of no use to a worker without exports

    return write(ctx, request)
