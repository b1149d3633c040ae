"""The business database: SQLite in a file by default, PostgreSQL by URL, created and filled at its first use.

Several processes may start on an empty or an old database at once. One of them, whoever takes the lock, brings it to
the tables of this version and puts in the sample shop, in one transaction; the others wait and find them there.
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

from sqlalchemy import Connection, Engine, create_engine, event, make_url, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from backdesk.platform.migrations import HEAD, revision_of
from backdesk.platform.samples import Sample, offered
from backdesk.platform.tables import Seeding
from backdesk.worker.attempt.classification import classify, unrecognized
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.failure import Category, Failure, Severity

T = TypeVar("T")

#: How long a SQLite writer waits for the one before it.
BUSY_TIMEOUT_MS = 15_000
#: Names our advisory lock on PostgreSQL; any constant does, as long as all processes use the same.
SEED_LOCK = 7_203_115


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
        self.prepare()
        with Session(self._reading) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open one transaction that commits when the block ends and leaves no trace when it raises."""
        self.prepare()
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
            try:
                return create_engine(self._url, pool_pre_ping=True)
            except ModuleNotFoundError as error:
                raise ConfigurationError(f'{error}; for PostgreSQL: pip install "backdesk[postgres]"') from error
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

    def prepare(self) -> None:
        """Bring the database to the tables of this version, which the first use does too. Idempotent.

        Raises ConfigurationError for a database of a newer version. When it fails, the database is as it was.
        """
        if self._ready:
            return
        with self._preparing:
            if not self._ready:
                with self._alone():
                    self._upgrade_and_seed()
                self._ready = True

    def revision(self) -> str | None:
        """Return the revision that the database is at, None for an empty one. Raises what `prepare` does."""
        if self._file is not None and not self._file.exists():
            return None
        with self._engine.connect() as connection:
            return revision_of(connection)

    def _alone(self) -> AbstractContextManager[None]:
        return nullcontext() if self._file is None else _file_lock(self._file.with_suffix(".lock"))

    def _upgrade_and_seed(self) -> None:
        with self._writing.connect() as connection, self._rebuilding(connection), connection.begin():
            if self._file is None:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SEED_LOCK})
            if (revision := revision_of(connection)) != HEAD:
                from backdesk.platform.migrations.runner import upgrade  # noqa: PLC0415 - so that few load Alembic

                upgrade(connection, revision)
            if self._add_samples(connection) or revision != HEAD:
                _check_references(connection)

    @contextmanager
    def _rebuilding(self, connection: Connection) -> Iterator[None]:
        """Set SQLite up so that a table can be replaced by a changed copy without its rows' children in the way."""
        if self._file is None:
            yield
            return
        driver: Any = connection.connection.driver_connection  # by which no transaction begins, as they must not in one
        driver.execute("PRAGMA journal_mode=WAL")
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            yield
        finally:
            driver.execute("PRAGMA foreign_keys=ON")

    def _add_samples(self, connection: Connection) -> bool:
        with Session(connection) as session:
            known = set(session.scalars(select(Seeding.name)))
            added = [sample for sample in offered() if sample.name not in known and self._add_sample(session, sample)]
            session.commit()  # into the transaction of the connection, which goes on
            return bool(added)

    def _add_sample(self, session: Session, sample: Sample) -> bool:
        if sample.leans_on is not None and not sample.leans_on.is_in(session):
            return False
        sample.seed(session, self.today())
        session.add(Seeding(name=sample.name, seeded_at=self.now()))
        return True


def _check_references(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and (row := connection.execute(text("PRAGMA foreign_key_check")).first()):
        raise ConfigurationError(f"the business database is left as it was: rows of {row[0]} would refer to none")


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
