"""The database behind one tool: found, checked and asked when there is something to ask."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from backdesk.platform.dependency import Dependency, Unfit
from backdesk.platform.deployment import deployment
from backdesk.platform.settings import read_secret
from backdesk.tools.database.catalog import Catalog, Table
from backdesk.tools.database.refused import Refused, Unreachable
from backdesk.tools.database.result import Limits, QueryResult
from backdesk.tools.database.running import Running
from backdesk.worker.address import read_database
from backdesk.worker.errors import ConfigurationError

if TYPE_CHECKING:
    from backdesk.tools.database.guard import Guarded

MISSING = 'a database tool needs a library: pip install "backdesk[tools]"'
MISSING_POSTGRES = 'PostgreSQL needs a library: pip install "backdesk[postgres]"'
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOCKED_OUT = re.compile(r"authentication failed|no password supplied|role .* does not exist|pg_hba\.conf")
_log = logging.getLogger(__name__)


class Server(Protocol):
    """A kind of database."""

    dialect: str

    def run(self, query: Guarded, values: Mapping[str, str], limits: Limits, running: Running) -> QueryResult: ...

    def rows(
        self, query: Guarded, values: Mapping[str, Any], size: int, running: Running
    ) -> Generator[list[tuple[Any, ...]]]: ...

    def check(self, table: Table) -> None: ...

    def may_write(self, table: Table) -> bool: ...

    def close(self) -> None: ...


class Source:
    """A database and what may be seen of it.

    `url` is a URL without a password, the name of a variable or secret file that holds one, or "" for the business
    database. Safe to share between threads, and across a fork.
    """

    def __init__(self, url: str, catalog: Catalog, limits: Limits, connections: int) -> None:
        self._url = url
        self.catalog = catalog
        self._limits = limits
        self._connections = connections
        self._servers: dict[str, Server] = {}
        self._first = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._pid = 0
        if "://" in url and _address(url)[1]:
            raise ConfigurationError("a URL with a password is a secret: put it into a variable, and name that")
        if url and "://" not in url and not _NAME.fullmatch(url):
            raise ConfigurationError("url= is a URL, or the name of the variable or secret that holds it")

    async def ask(self, sql: str, values: Mapping[str, str]) -> QueryResult:
        """Run a model's query for whom `values` name, off the event loop; it ends with whoever waits for it.

        Raises Refused, with what a model may read, for all that is not run or not answered, and ConfigurationError.
        """
        running = Running(self._limits.seconds)
        try:
            return await asyncio.wrap_future(self._threads().submit(self._ask, sql, values, running))
        except asyncio.CancelledError:
            await asyncio.to_thread(running.stop)
            raise

    def _threads(self) -> ThreadPoolExecutor:
        """Return threads of its own: slow queries do not hold up what else a process does in threads, as to find hosts.

        Of those that a parent has begun none goes on behind a fork. Called on the event loop alone.
        """
        if self._pool is None or self._pid != os.getpid():
            self._pool, self._pid = ThreadPoolExecutor(self._connections, "backdesk-sql"), os.getpid()
        return self._pool

    def dialect(self) -> str | None:
        """Return what the database speaks, `sqlite` or `postgres`; None while its URL is not known."""
        try:
            return "sqlite" if self._resolved().startswith("sqlite") else "postgres"
        except ConfigurationError:
            return None

    @property
    def dependency(self) -> Dependency:
        """The database, for who looks after the deployment."""
        return Dependency("database", self._check, self._look, self._secrets)

    def close(self) -> None:
        """Close what is open; a later query connects anew."""
        for server in self._servers.values():
            server.close()
        self._servers = {}

    def opened(self, sql: str) -> tuple[Server, Guarded]:
        """Return the database, and what may run there of a query. Raises as `ask`."""
        try:
            from backdesk.tools.database.guard import guard  # noqa: PLC0415 - loads sqlglot
        except ImportError as error:
            raise ConfigurationError(MISSING) from error
        with readable_errors():
            server = self._server()
            return server, guard(sql, self.catalog, server.dialect)

    def _ask(self, sql: str, values: Mapping[str, str], running: Running) -> QueryResult:
        server, query = self.opened(sql)
        with readable_errors():
            return server.run(query, values, self._limits, running)

    def _look(self) -> str:
        url = make_url(self._resolved())
        shown = url.set(username=None, password=None, query={}).render_as_string()
        return f"{shown}{f', by {self._url}' if '://' not in self._url and self._url else ''}: {self.catalog}"

    def _secrets(self) -> list[str]:
        url = make_url(self._resolved())
        return [str(each) for each in (url.password, url.query.get("password")) if each]

    def _check(self) -> str:
        """Connect anew, as at the first call of a worker, and look at all tables."""
        url = self._resolved()
        with closing(_made(url, self.catalog, 1)) as server:
            try:
                for table in self.catalog:
                    server.check(table)
                written = [table.real_name for table in self.catalog if server.may_write(table)]
            except Exception as error:
                if is_locked_out(error):
                    where = f"in {self._url}" if self._url and "://" not in self._url else "of its URL"
                    raise Unfit(str(error), f"correct the user or the password {where}") from None
                raise
        if written:
            wrong = f"its user may write to {', '.join(written)}, though the tool only reads"
            raise Unfit(wrong, "give the tool a user who may only SELECT, and from these tables alone", works=True)
        names = ", ".join(table.real_name for table in self.catalog)
        return f"the tables are as they are declared, and can only be read: {names}"

    def _server(self) -> Server:
        url = self._resolved()
        with self._first:
            if url not in self._servers:
                server = _made(url, self.catalog, self._connections)
                for table in self.catalog:
                    server.check(table)
                self.close()
                self._servers = {url: server}
            return self._servers[url]

    def _resolved(self) -> str:
        if not self._url:
            return deployment().settings.database
        url = self._url if "://" in self._url else read_secret(self._url)
        try:
            return read_database(url, "data")
        except ValueError as error:
            raise ConfigurationError(f"{self._url if '://' not in self._url else 'url='} {error}") from None


@contextmanager
def readable_errors() -> Iterator[None]:
    """Raise Unreachable for what a driver says, whose texts may name hosts and users."""
    try:
        yield
    except (Refused, ConfigurationError):
        raise
    except Exception as error:  # noqa: BLE001 - of whichever driver
        _log.warning("database_unreachable", extra={"error": type(error).__name__})
        raise Unreachable from None


def _made(url: str, catalog: Catalog, connections: int) -> Server:
    address, _ = _address(url)
    if url.startswith("sqlite"):
        from backdesk.tools.database.sqlite import SQLite  # noqa: PLC0415 - with the guard, loads sqlglot

        return SQLite(Path(address), catalog)
    try:
        from backdesk.tools.database.postgres import Postgres  # noqa: PLC0415 - loads its driver
    except ImportError as error:
        raise ConfigurationError(MISSING_POSTGRES) from error
    return Postgres(address, connections)


def is_locked_out(error: Exception) -> bool:
    """Whether an error of a driver says that the user or the password is refused: it has no code for it by then."""
    return bool(_LOCKED_OUT.search(str(error)))


def _address(url: str) -> tuple[str, bool]:
    """Return the file or the URL that the driver takes, and whether there is a password in it."""
    try:
        read = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError("url= is no URL of a database") from None
    if read.drivername.startswith("sqlite"):
        return read.database or "", False
    secret = bool(read.password) or "password" in read.query
    return read.set(drivername="postgresql").render_as_string(hide_password=False), secret
