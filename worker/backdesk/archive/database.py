"""Archived jobs in SQLite or PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, Table, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from backdesk.archive.migrations import HEAD, REVISIONS, upgrade
from backdesk.archive.tables import REVISION_TABLE, days, jobs
from backdesk.sql.engines import Engines, noted_revision
from backdesk.worker.errors import ArchiveUnavailable, ConfigurationError
from backdesk.worker.store.archive import ArchivedDay, ArchivedJob, Wanted

T = TypeVar("T")

#: Names our advisory lock on PostgreSQL; any constant does, as long as all processes use the same.
LOCK = 7_203_116
#: What PostgreSQL is waited for, in s and ms: who asks must get an answer while it is of use.
_POSTGRES = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "options": "-c statement_timeout=30s -c lock_timeout=15s",
}
#: Ids in one statement, at most.
_AT_ONCE = 500
_LONG = {"log", "workings"}
_WHOLE = [jobs.c[each.name] for each in fields(ArchivedJob)]
_RECORD = [column for column in _WHOLE if column.name not in _LONG]


class SqlArchive:
    """The archived jobs of the deployment with a prefix. Safe to share between threads; not across a fork."""

    def __init__(self, url: str, prefix: str) -> None:
        self._engines = Engines(url, **_POSTGRES)
        self._prefix = prefix
        self._prepared = self._readable = False
        self._preparing = threading.Lock()

    def prepare(self) -> None:
        """See `Archive.prepare`."""
        with self._preparing, self._reached():
            if self._prepared:
                return
            with self._engines.alone(LOCK) as connection:
                if self._checked(noted_revision(connection, REVISION_TABLE)) != HEAD:
                    upgrade(connection)
            self._prepared = self._readable = True

    def keep(self, archived: Sequence[ArchivedJob]) -> None:
        """See `Archive.keep`."""
        # By id: two that keep the same jobs at once wait for each other, and never both.
        self._upsert(jobs, sorted(archived, key=lambda each: each.id))

    def find(self, ids: Sequence[str], *, whole: bool) -> list[ArchivedJob]:
        """See `Archive.find`."""
        parts = [ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE)]
        found = self._of_this(select(*(_WHOLE if whole else _RECORD)))
        return self._read(found.where(jobs.c.id.in_(part)) for part in parts)

    def tenants(self, ids: Sequence[str]) -> dict[str, str]:
        """See `Archive.tenants`."""
        parts = [ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE)]
        found = self._of_this(select(jobs.c.id, jobs.c.tenant))
        return {row.id: row.tenant for row in self._rows(found.where(jobs.c.id.in_(part)) for part in parts)}

    def newest(self, wanted: Wanted, before: tuple[int, str] | None, limit: int) -> list[ArchivedJob]:
        """See `Archive.newest`."""
        found = self._of_this(select(*_RECORD))
        for name in ("tenant", "kind", "state", "code"):
            if (value := getattr(wanted, name)) is not None:
                found = found.where(jobs.c[name] == value)
        if wanted.since_ms is not None:
            found = found.where(jobs.c.ended_ms >= wanted.since_ms)
        moment = jobs.c.created_ms if wanted.by_creation else jobs.c.ended_ms
        if before is not None:
            found = found.where(tuple_(moment, jobs.c.id) < before)
        return self._read([found.order_by(moment.desc(), jobs.c.id.desc()).limit(limit)])

    def drop(self, ids: Sequence[str]) -> int:
        """See `Archive.drop`."""
        dropped = delete(jobs).where(jobs.c.prefix == self._prefix, jobs.c.id.in_(ids))
        return self._write(lambda connection: connection.execute(dropped).rowcount) if self._is_readable() else 0

    def expire(self, before_ms: int, most: int) -> int:
        """See `Archive.expire`."""
        oldest = self._of_this(select(jobs.c.id)).where(jobs.c.ended_ms < before_ms)
        some = oldest.order_by(jobs.c.ended_ms, jobs.c.id).limit(most)
        expired = delete(jobs).where(jobs.c.prefix == self._prefix, jobs.c.id.in_(some))
        day = datetime.fromtimestamp(before_ms / 1000, UTC).date().isoformat()
        too_old = delete(days).where(days.c.prefix == self._prefix, days.c.day < day)
        self._write(lambda connection: connection.execute(too_old))
        return self._write(lambda connection: connection.execute(expired).rowcount)

    def keep_days(self, archived: Sequence[ArchivedDay]) -> None:
        """See `Archive.keep_days`."""
        self._upsert(days, sorted(archived, key=_place))

    def days(self, since: str, until: str, after: ArchivedDay | None, limit: int) -> list[ArchivedDay]:
        """See `Archive.days`."""
        place = (days.c.day, days.c.tenant, days.c.kind)
        found = select(*place, days.c.figures).where(days.c.prefix == self._prefix)
        found = found.where(days.c.day >= since, days.c.day <= until)  # PostgreSQL takes no collation in BETWEEN
        if after is not None:
            found = found.where(tuple_(*place) > _place(after))
        return [ArchivedDay(**row._asdict()) for row in self._rows([found.order_by(*place).limit(limit)])]

    def close(self) -> None:
        """See `Archive.close`."""
        self._engines.close()

    def _of_this(self, rows: Select[Any]) -> Select[Any]:
        return rows.where(jobs.c.prefix == self._prefix)

    def _upsert(self, table: Table, kept: Sequence[ArchivedJob] | Sequence[ArchivedDay]) -> None:
        if not kept:
            return
        rows = [{"prefix": self._prefix, **_row(each)} for each in kept]
        insert = (sqlite if self._engines.file else postgresql).insert(table)
        others = {column.name: column for column in insert.excluded if not table.c[column.name].primary_key}
        upsert = insert.on_conflict_do_update(index_elements=[*table.primary_key], set_=others)
        self._write(lambda connection: connection.execute(upsert, rows))

    def _read(self, statements: Iterable[Select[Any]]) -> list[ArchivedJob]:
        return [ArchivedJob(**row._asdict()) for row in self._rows(statements)]

    def _rows(self, statements: Iterable[Select[Any]]) -> list[Row[Any]]:
        if not self._is_readable():
            return []
        with self._reached(), self._engines.reading.connect() as connection:
            return [row for statement in statements for row in connection.execute(statement)]

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self._reached(), self._engines.writing.begin() as connection:
            return work(connection)

    def _is_readable(self) -> bool:
        """Whether there are tables: who only reads makes none, and finds nothing while no worker has."""
        if not self._readable:
            with self._reached():
                self._readable = self._checked(self._engines.revision(REVISION_TABLE)) is not None
        return self._readable

    def _checked(self, revision: str | None) -> str | None:
        if revision not in (None, *REVISIONS):
            raise ConfigurationError(
                f"the archive at {self._engines.shown} is at revision {revision}, this version of backdesk knows those "
                f"up to {HEAD}: run the version that has upgraded it, or a newer one"
            )
        return revision

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (DataError, IntegrityError):
            raise  # it was reached, and refuses what it was given
        except (SQLAlchemyError, OSError) as error:
            reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
            advice = "see that the database of BACKDESK_ARCHIVE_URL runs and may be written"
            raise ArchiveUnavailable(
                f"the archive at {self._engines.shown} cannot be used: {reason}; {advice}"
            ) from error


def _row(kept: ArchivedJob | ArchivedDay) -> dict[str, Any]:
    return {each.name: getattr(kept, each.name) for each in fields(kept)}  # `asdict` would copy what is long


def _place(archived: ArchivedDay) -> tuple[str, str, str]:
    return archived.day, archived.tenant, archived.kind
