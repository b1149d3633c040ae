"""The business database: SQLite in a file by default, PostgreSQL by URL, created at its first use.

Several processes may start on an empty or an old database at once. One of them, whoever takes the lock, brings it to
the tables of this version and puts in the sample data, if that is wanted, in one transaction; the others wait and find
them there.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TypeVar

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from backdesk.platform.migrations import HEAD, revision_of
from backdesk.platform.samples import Sample, offered
from backdesk.platform.scopes import NOBODY, Scope, ScopedSession
from backdesk.platform.tables import Seeding
from backdesk.sql.engines import Engines
from backdesk.worker.attempt.classification import classify, unrecognized
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.failure import Category, Failure, Severity
from backdesk.worker.model.job import DEFAULT_TENANT

T = TypeVar("T")

#: Names our advisory lock on PostgreSQL; any constant does, as long as all processes use the same.
SEED_LOCK = 7_203_115


class Database:
    """The business database. Safe to share between threads; not across a fork.

    Who works with its rows says whose they are: a tenant's or a customer's. There is no other way to a session. With
    `samples` the sample data is put in, where that is not done; without, an empty database stays empty.
    """

    def __init__(self, url: str, *, samples: bool = False) -> None:
        self._engines = Engines(url)
        self._samples = samples
        self._ready = False
        self._preparing = threading.Lock()

    def today(self) -> date:
        """The day by which the shop's rules count."""
        return datetime.now(UTC).date()

    def now(self) -> datetime:
        """The time that is written into rows."""
        return datetime.now(UTC)

    def of(self, tenant: str) -> ScopedDatabase:
        """Return what a tenant has, of all its customers: for its staff, and for sums over customers."""
        return ScopedDatabase(self, Scope(tenant))

    def of_customer(self, tenant: str, customer_id: str | None) -> ScopedDatabase:
        """Return what a tenant has, but of its customers only this one's; nobody's when none is identified."""
        return ScopedDatabase(self, Scope(tenant, customer_id or NOBODY))

    def of_all_tenants(self) -> ScopedDatabase:
        """Return all rows, for what the platform does for all tenants alike. No tool, and no kind, has use for it."""
        return ScopedDatabase(self, None)

    def open(self, scope: Scope | None, *, write: bool) -> Session:
        """Open a session; it is closed by whoever uses it. Blocks, and prepares the database first."""
        self.prepare()
        engine = self._engines.writing if write else self._engines.reading
        return Session(engine) if scope is None else ScopedSession(engine, scope)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work off the event loop, which hundreds of other jobs share."""
        return await asyncio.to_thread(work)

    def close(self) -> None:
        """Close all pooled connections; a later use opens new ones."""
        self._engines.close()

    def prepare(self) -> None:
        """Bring the database to the tables of this version, which the first use does too. Idempotent.

        Raises ConfigurationError for a database of a newer version, and for samples that are to come among rows of
        another shop. When it fails, the database is as it was.
        """
        if self._ready:
            return
        with self._preparing:
            if not self._ready:
                with self._engines.alone(SEED_LOCK) as connection:
                    self._upgrade_and_seed(connection)
                self._ready = True

    def revision(self) -> str | None:
        """Return the revision that the database is at, None for an empty one. Raises what `prepare` does."""
        file = self._engines.file
        if file is not None and not file.exists():
            return None
        with self._engines.reading.connect() as connection:
            return revision_of(connection)

    def _upgrade_and_seed(self, connection: Connection) -> None:
        if (revision := revision_of(connection)) != HEAD:
            from backdesk.platform.migrations.runner import upgrade  # noqa: PLC0415 - so that few load Alembic

            upgrade(connection, revision)
        if (self._samples and self._add_samples(connection)) or revision != HEAD:
            _check_references(connection)

    def _add_samples(self, connection: Connection) -> bool:
        with ScopedSession(connection, Scope(DEFAULT_TENANT)) as session:
            known = set(session.scalars(select(Seeding.name)))
            added = [sample for sample in offered() if sample.name not in known and self._add_sample(session, sample)]
            session.commit()  # into the transaction of the connection, which goes on
            return bool(added)

    def _add_sample(self, session: Session, sample: Sample) -> bool:
        if sample.leans_on is not None and not sample.leans_on.is_in(session):
            return False
        if not sample.fits(session):
            raise ConfigurationError(
                f"BACKDESK_SAMPLES: the database has rows of its own, and none of the {sample.name}: take another "
                "database for the samples, or do without them"
            )
        sample.seed(session, self.today())
        session.add(Seeding(name=sample.name, seeded_at=self.now()))
        return True


class ScopedDatabase:
    """The database as far as it belongs to somebody: the transactions that see and write their rows, and no others."""

    def __init__(self, whole: Database, scope: Scope | None) -> None:
        self.whole = whole
        self._scope = scope

    def today(self) -> date:
        """The day by which the shop's rules count."""
        return self.whole.today()

    def now(self) -> datetime:
        """The time that is written into rows."""
        return self.whole.now()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open one transaction that sees one state of the database and changes nothing."""
        with self.whole.open(self._scope, write=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open one transaction that commits when the block ends and leaves no trace when it raises."""
        with self.whole.open(self._scope, write=True) as session, session.begin():
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
        return await self.whole.in_thread(work)


def _check_references(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and (row := connection.execute(text("PRAGMA foreign_key_check")).first()):
        raise ConfigurationError(f"the business database is left as it was: rows of {row[0]} would refer to none")


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
