"""The business database: SQLite in a file by default, PostgreSQL by URL, created and filled at its first use.

Several processes may start on an empty database at once. One of them, whoever takes the lock, creates the
tables and the sample shop in one transaction; the others wait and find them there.
"""

from __future__ import annotations

import asyncio
import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from tasks.samples.shop import seed
from tasks.tables import Seeding, Table
from worker.classification import classify, unrecognized
from worker.failure import Category, Failure, Severity

T = TypeVar("T")

#: How long a SQLite writer waits for the one before it.
BUSY_TIMEOUT_MS = 15_000
#: Names our advisory lock on PostgreSQL; any constant does, as long as all processes use the same.
SEED_LOCK = 7_203_115
SAMPLE = "sample-shop"


class Database:
    """Sessions on the business database. Safe to share between threads; not across a fork."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._file = Path(self._url.database) if self._url.drivername == "sqlite" and self._url.database else None
        self._ready = False
        self._preparing = threading.Lock()
        self._engine = self._make_engine()
        self._reading = self._engine.execution_options(**self._read_options())
        self._writing = self._engine.execution_options(backdesk_write=True)

    def today(self) -> date:
        """The day by which the shop's rules count."""
        return datetime.now(UTC).date()

    def now(self) -> datetime:
        """The time that is written into rows."""
        return datetime.now(UTC)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open one transaction that sees one state of the database and changes nothing."""
        self._prepare()
        with Session(self._reading) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open one transaction that commits when the block ends and leaves no trace when it raises."""
        self._prepare()
        with Session(self._writing) as session, session.begin():
            yield session

    def contend(self, work: Callable[[Session], T]) -> T:
        """Run work in a transaction; once more in another one when a constraint shows that somebody was faster."""
        try:
            with self.write() as session:
                return work(session)
        except IntegrityError:
            with self.write() as session:
                return work(session)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work off the event loop, which hundreds of other jobs share."""
        return await asyncio.to_thread(work)

    def close(self) -> None:
        """Close all pooled connections; a later use opens new ones."""
        self._engine.dispose()

    def _make_engine(self) -> Engine:
        if self._file is None:
            return create_engine(self._url, pool_pre_ping=True)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # Without a limit on overflow a burst of jobs opens a connection each instead of timing out on the
        # pool.
        engine = create_engine(self._url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}, max_overflow=-1)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _read_options(self) -> dict[str, Any]:
        # A transaction of SQLite reads from one snapshot anyway; PostgreSQL has to be asked for it.
        return {} if self._file else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    def _prepare(self) -> None:
        if self._ready:
            return
        with self._preparing:
            if not self._ready:
                with self._alone():
                    self._create_and_seed()
                self._ready = True

    def _alone(self) -> AbstractContextManager[None]:
        return nullcontext() if self._file is None else _file_lock(self._file.with_suffix(".lock"))

    def _create_and_seed(self) -> None:
        if self._file is not None:
            with self._engine.connect() as connection:
                connection.connection.driver_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr]  # there is a driver: it has just connected
        with Session(self._writing) as session, session.begin():
            if self._file is None:
                session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SEED_LOCK})
            Table.metadata.create_all(session.connection())
            if session.get(Seeding, SAMPLE) is None:
                seed(session, self.today())
                session.add(Seeding(name=SAMPLE, seeded_at=self.now()))


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield  # closing the file gives the lock back, also when the process is killed


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction handling begins too late to hold a consistent read; `_begin_sqlite`
    # begins instead.
    connection.isolation_level = None
    for pragma in ("foreign_keys=ON", "synchronous=NORMAL", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A write that began as a read fails at once when another writer was faster; IMMEDIATE waits for its turn.
    immediate = connection.get_execution_options().get("backdesk_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


# --- errors ---


@classify.register
def _of_database(error: DBAPIError) -> Failure:
    if error.connection_invalidated:
        return Failure.of(error, Category.NETWORK, transient=True)
    return unrecognized(error)


@classify.register
def _of_operation(error: OperationalError) -> Failure:
    match getattr(error.orig, "sqlite_errorcode", None):
        case sqlite3.SQLITE_ERROR:  # SQLite's word for a statement that is wrong; others call it a ProgrammingError
            return unrecognized(error)
        case sqlite3.SQLITE_FULL:
            return Failure.of(error, Category.RESOURCE_EXHAUSTION, transient=True, severity=Severity.CRITICAL)
        case _:
            return Failure.of(error, Category.NETWORK, transient=True)


@classify.register
def _of_integrity(error: IntegrityError) -> Failure:
    return Failure.of(error, Category.DATA_CORRUPTION, transient=False)


@classify.register
def _of_pool(error: PoolTimeout) -> Failure:
    return Failure.of(error, Category.RESOURCE_EXHAUSTION, transient=True)
