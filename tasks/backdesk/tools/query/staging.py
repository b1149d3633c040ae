"""Bringing data sets to where a query can read them: files as they are, rows of the business database as a file."""

from __future__ import annotations

import csv
import glob
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from backdesk.platform.database import ScopedDatabase
from backdesk.platform.tables import OfTenant, Table, utc
from backdesk.tools.query.catalogue import Dataset
from backdesk.tools.query.order import Source
from backdesk.tools.query.sample import SAMPLE_SQL
from backdesk.worker.errors import ConfigurationError, TaskError
from backdesk.worker.failure import Category

_MOST_FILES = 10_000
_ROWS_AT_ONCE = 5_000
_SPECIAL = re.compile(r"[*?\[\]{}]")


def version_of(dataset: Dataset) -> str | None:
    """Return what changes whenever the data does. Raises ConfigurationError for files that are not there."""
    if dataset.sample:
        return _digest([SAMPLE_SQL])
    if not dataset.files:
        return None  # a database does not say when it was written to last
    stats = ((path, path.stat()) for path in _files(dataset))
    return _digest([f"{path}:{found.st_size}:{found.st_mtime_ns}" for path, found in stats])


def stage(dataset: Dataset, database: ScopedDatabase, folder: Path, most_rows: int, *, rows: bool = True) -> Source:
    """Return how a data set is opened; rows of a table are read for it now, into a file in the folder. Blocks.

    Without `rows` a table is known by its columns alone, for a query that does not name it. Raises ConfigurationError
    for what the catalogue names and is not there, TaskError for a table that is too large.
    """
    if dataset.sample:
        return Source(dataset.name, "made", made_by=SAMPLE_SQL)
    if dataset.files:
        return Source(dataset.name, dataset.form, tuple(map(str, _files(dataset))), dict(dataset.types))
    return _table(dataset, database, folder / f"{dataset.name}.csv", most_rows, rows=rows)


def _files(dataset: Dataset) -> list[Path]:
    found = sorted(
        {
            path.resolve()
            for pattern in dataset.files
            for name in glob.iglob(str(dataset.folder / pattern), recursive=True)  # noqa: PTH207 - takes absolute ones
            if (path := Path(name)).is_file()
        }
    )
    if not found or len(found) > _MOST_FILES:
        number = "no file" if not found else f"over {_MOST_FILES:,} files"
        raise ConfigurationError(f"data set {dataset.name}: {number} by {', '.join(dataset.files)}")
    if odd := next((path.name for path in found if _SPECIAL.search(str(path))), None):
        raise ConfigurationError(f"data set {dataset.name}: the path of {odd!r} has one of * ? [ ] {{ }}: rename it")
    return found


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _table(dataset: Dataset, database: ScopedDatabase, file: Path, most_rows: int, *, rows: bool) -> Source:
    mapped = _mapped(dataset)
    columns = _columns(dataset, mapped)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([column.key for column in columns])
        if rows:
            writer.writerows(_rows(dataset, database, mapped, columns, most_rows))
    return Source(dataset.name, "csv", (str(file),), {column.key: _type(column) for column in columns})


def _rows(
    dataset: Dataset,
    database: ScopedDatabase,
    mapped: type[OfTenant],
    columns: Sequence[InstrumentedAttribute[Any]],
    most: int,
) -> Iterator[list[Any]]:
    with database.read() as session:
        if (count := session.scalar(select(func.count()).select_from(mapped)) or 0) > most:
            raise TaskError(
                "dataset_too_large",
                f"data set {dataset.name} has {count:,} rows, {most:,} are read of a table at most "
                "(BACKDESK_QUERY_MAX_TABLE_ROWS): export it to Parquet",
                category=Category.VALIDATION,
            )
        for row in session.execute(select(*columns), execution_options={"yield_per": _ROWS_AT_ONCE}):
            yield [_plain(value) for value in row]


def _mapped(dataset: Dataset) -> type[OfTenant]:
    if dataset.module:
        import_module(dataset.module)
    for mapper in Table.registry.mappers:
        if getattr(mapper.local_table, "name", None) == dataset.table and issubclass(mapper.class_, OfTenant):
            return mapper.class_
    raise ConfigurationError(
        f"data set {dataset.name}: there is no table {dataset.table!r} with rows of tenants: name its `module`"
    )


def _columns(dataset: Dataset, mapped: type[OfTenant]) -> Sequence[InstrumentedAttribute[Any]]:
    own = {name: getattr(mapped, name) for name in mapped.__mapper__.columns.keys()}  # type: ignore[attr-defined]  # noqa: SIM118 - SQLAlchemy's
    chosen = dataset.columns or tuple(name for name in own if name != "tenant")
    if unknown := [name for name in chosen if name not in own]:
        raise ConfigurationError(
            f"data set {dataset.name}: {dataset.table} has no column {unknown[0]!r}; it has {', '.join(own)}"
        )
    return [own[name] for name in chosen]


_TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", datetime: "TIMESTAMPTZ", date: "DATE"}


def _type(column: InstrumentedAttribute[Any]) -> str:
    try:
        kind = column.type.python_type
    except NotImplementedError:
        return "VARCHAR"
    return f"DECIMAL(38, {column.type.scale or 6})" if issubclass(kind, Decimal) else _TYPES.get(kind, "VARCHAR")


def _plain(value: Any) -> Any:
    match value:
        case None:
            return "\\N"
        case datetime():
            return utc(value).isoformat()
        case dict() | list():  # a column of JSON
            return json.dumps(value, ensure_ascii=False)
        case _:
            return value
