"""A warehouse in the data folder: a DuckDB file for each tenant, and the tables of features beside it as Parquet."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backdesk.kinds.features.warehouse.protocol import Look, PipelineJob, PipelineStatus, Rows, SavedJob, Status, Tell
from backdesk.platform.deployment import deployment
from backdesk.platform.tool_settings import settings_of
from backdesk.tools.query import process
from backdesk.tools.query.catalogue import Dataset, visible
from backdesk.tools.query.order import QueryFailed
from backdesk.tools.query.settings import QuerySettings
from backdesk.tools.query.staging import stage
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

#: One process at a time has the file; what each does with it takes milliseconds.
_WAIT_S, _AGAIN_S = 10.0, 0.02
_CONFIGURATION: dict[str, str | int | bool | float | list[str]] = {"threads": 1, "memory_limit": "128MB"}
_LONGEST_QUERY_S = 300.0
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS pipelines (
        pipeline_id VARCHAR PRIMARY KEY, job JSON NOT NULL, status VARCHAR NOT NULL, figures JSON NOT NULL,
        saved_at TIMESTAMPTZ NOT NULL DEFAULT now()
    )
"""


def dataset_of(tenant: str, dataset_id: str) -> Dataset:
    """Return a data set of the tenant. Raises TaskError when it has none of the name."""
    mine = visible(settings_of(QuerySettings).datasets, tenant, samples=deployment().settings.samples)
    if dataset_id not in mine:
        listed = ", ".join(sorted(mine)) or "none"
        raise TaskError(
            "dataset_unknown",
            f"there is no data set {dataset_id!r}; there are: {listed}",
            category=Category.VALIDATION,
        )
    return mine[dataset_id]


class EmbeddedWarehouse:
    """A tenant's warehouse. Safe to use from several processes, one after the other."""

    def __init__(self, tenant: str) -> None:
        process.require()
        self._tenant = tenant
        whose = hashlib.sha256(tenant.encode()).hexdigest()[:16]
        self._folder = deployment().settings.data_dir.absolute() / "warehouse" / whose
        self._file = self._folder / "warehouse.duckdb"

    def save_job(self, job: PipelineJob, key: str) -> SavedJob:
        pipeline_id = f"pl-{hashlib.sha256(key.encode()).hexdigest()[:20]}"
        self._execute(
            "INSERT INTO pipelines (pipeline_id, job, status, figures) VALUES (?, ?, 'queued', '{}')"
            " ON CONFLICT (pipeline_id) DO UPDATE SET job = excluded.job WHERE status = 'queued'",
            pipeline_id,
            job.model_dump_json(),
        )
        return SavedJob(pipeline_id=pipeline_id, job_url=f"{self._file.as_uri()}#{pipeline_id}")

    def record(self, pipeline_id: str, status: Status, figures: dict[str, Any]) -> None:
        self._execute(
            "UPDATE pipelines SET status = ?, figures = ? WHERE pipeline_id = ?",
            status,
            json.dumps(figures),
            pipeline_id,
        )

    def pipeline_status(self, pipeline_id: str) -> PipelineStatus:
        rows = self._execute("SELECT status, figures FROM pipelines WHERE pipeline_id = ?", pipeline_id)
        if not rows:
            raise TaskError("pipeline_unknown", f"the warehouse has no pipeline {pipeline_id!r}")
        status, figures = rows[0]
        return PipelineStatus(pipeline_id=pipeline_id, status=status, figures=json.loads(figures))

    def execute_query(
        self, dataset_id: str, sql: str, tell: Tell, *, save_as: str = "", look: Look | None = None
    ) -> Rows:
        if save_as:
            self.pipeline_status(save_as)  # raises for one that was never saved: the id is to be the name of a file
        settings, database = settings_of(QuerySettings), deployment().database.of(self._tenant)
        with TemporaryDirectory(prefix="backdesk-features-") as folder:
            source = stage(dataset_of(self._tenant, dataset_id), database, Path(folder), settings.max_table_rows)
            form = "parquet" if save_as else "json"
            order = process.order_for(
                sql,
                (source,),
                folder,
                format=form,
                timeout_s=look.timeout_s if look else _LONGEST_QUERY_S,
                preview_rows=look.rows if look else 20,
            )
            try:
                answer = process.run(order, tell)
            except QueryFailed as error:
                raise process.failure_of(error) from None
            if save_as:
                self._keep(Path(answer.file), save_as)
                return Rows(rows=answer.preview)
            if look:
                return Rows(rows=answer.preview)
            return Rows(rows=json.loads(Path(answer.file).read_text("utf-8")))

    def table_of(self, pipeline_id: str) -> Path:
        """Return where the features of a pipeline are, once they are."""
        return self._folder / f"{pipeline_id}.parquet"

    def _keep(self, file: Path, pipeline_id: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        incoming = self._folder / f".{pipeline_id}-{time.monotonic_ns()}"
        try:
            shutil.copyfile(file, incoming)
            incoming.replace(self.table_of(pipeline_id))
        finally:
            incoming.unlink(missing_ok=True)

    def _execute(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        """Run one statement, which may be repeated. Raises TaskError when others have the file all the time."""
        import duckdb  # noqa: PLC0415 - when it is used: it takes a tenth of a second, and an extra

        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        ends = time.monotonic() + _WAIT_S
        while True:
            try:
                with duckdb.connect(str(self._file), config=_CONFIGURATION) as connection:
                    connection.execute(_SCHEMA)
                    return connection.execute(statement, values).fetchall()
            except (duckdb.IOException, duckdb.TransactionException, duckdb.ConstraintException) as error:
                # Another process has it; or an attempt that has lost its job is at the same row.
                if time.monotonic() > ends:
                    raise TaskError(
                        "warehouse_busy",
                        f"the warehouse in the data folder cannot be used for {_WAIT_S:g} s: {type(error).__name__}",
                        category=Category.RESOURCE_EXHAUSTION,
                        transient=True,
                    ) from error
                time.sleep(_AGAIN_S)
