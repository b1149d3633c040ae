"""The engines of one database, set up so that reads see one state of it and writers wait for each other."""

from __future__ import annotations

import fcntl
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text

from backdesk.worker.errors import ConfigurationError

#: How long a SQLite writer waits for the one before it.
BUSY_TIMEOUT_MS = 15_000

# Else Alembic tells of each of its parts while it is loaded.
logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)


class Engines:
    """The engines of the database at a URL. Safe to share between threads; not across a fork.

    `options` are those of connections to PostgreSQL. Raises ConfigurationError where its driver is not installed.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._url = make_url(url)
        #: The file of SQLite, None for PostgreSQL.
        self.file = Path(self._url.database) if self._url.drivername == "sqlite" and self._url.database else None
        self._engine = self._make(options)
        # A transaction of SQLite reads from one snapshot anyway; PostgreSQL has to be asked for it.
        snapshot = {} if self.file else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        #: Transactions see one state of the database, and change nothing.
        self.reading: Engine = self._engine.execution_options(**snapshot)
        self.writing: Engine = self._engine.execution_options(backdesk_write=True)

    @property
    def shown(self) -> str:
        """The URL as it may be printed."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def alone(self, lock: int) -> Iterator[Connection]:
        """Open a transaction that may change tables, while all others that ask by the same number wait.

        In SQLite a table can be replaced by a changed copy then, without its rows' children in the way.
        """
        with self._turn(), self.writing.connect() as connection, self._rebuilding(connection), connection.begin():
            if self.file is None:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
            yield connection

    def revision(self, table: str) -> str | None:
        """Return the revision that Alembic has noted in a table; None while there is none, and for a missing file."""
        if self.file is not None and not self.file.exists():
            return None
        with self._engine.connect() as connection:
            return noted_revision(connection, table)

    def close(self) -> None:
        """Close all pooled connections; a later use opens new ones."""
        self._engine.dispose()

    def _make(self, options: dict[str, Any]) -> Engine:
        if self.file is None:
            try:
                return create_engine(self._url, pool_pre_ping=True, connect_args=options)
            except ModuleNotFoundError as error:
                raise ConfigurationError(f'{error}; for PostgreSQL: pip install "backdesk[postgres]"') from error
        # Without a limit on overflow a burst of jobs opens a connection each instead of timing out on the
        # pool.
        engine = create_engine(self._url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}, max_overflow=-1)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _turn(self) -> AbstractContextManager[None]:
        if self.file is None:
            return nullcontext()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        return _file_lock(self.file.with_suffix(".lock"))

    @contextmanager
    def _rebuilding(self, connection: Connection) -> Iterator[None]:
        if self.file is None:
            yield
            return
        driver: Any = connection.connection.driver_connection  # by which no transaction begins, as they must not in one
        driver.execute("PRAGMA journal_mode=WAL")
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            yield
        finally:
            driver.execute("PRAGMA foreign_keys=ON")


def noted_revision(connection: Connection, table: str) -> str | None:
    """Return the revision that Alembic has noted in a table, None where there is no such table."""
    if not inspect(connection).has_table(table):
        return None
    revision: str | None = connection.scalar(text(f"SELECT version_num FROM {table}"))  # noqa: S608 - a name of ours
    return revision


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
