"""The databases that the tool is tried on, and a way to ask one without an agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backdesk.agents import Refusal
from backdesk.tools.database.catalog import Catalog
from backdesk.tools.database.refused import Refused
from backdesk.tools.database.result import Limits, QueryResult
from backdesk.tools.database.source import Source
from tests.support.postgres import Postgres, find_server, postgres
from tests.tools.database import shop

PROGRAMS = find_server()
DIALECTS = ["sqlite", *(["postgres"] if PROGRAMS else [])]

LIMITS = Limits(1_000, 20)
#: Asks a source as the tool does, for the tenant of the tests.
Ask = Callable[[Source, str], QueryResult | Refusal]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    assert PROGRAMS is not None
    with postgres(PROGRAMS) as server:
        yield server


@pytest.fixture(scope="session")
def urls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Return the URL of a database by its dialect: with `secrets`, without, or `plain`, without hidden columns too."""
    made: dict[tuple[str, str], str] = {}

    def url(dialect: str, which: str = "secrets") -> str:
        if (dialect, which) not in made:
            on_postgres = dialect == "postgres"
            made_by = (
                shop.without_hidden(postgres=on_postgres)
                if which == "plain"
                else shop.statements(secrets=which == "secrets", postgres=on_postgres)
            )
            if on_postgres:
                server: Postgres = request.getfixturevalue("postgres_server")
                made[dialect, which] = shop.make_postgres(server.database(), made_by)
            else:
                folder: Path = tmp_path_factory.mktemp("database")
                made[dialect, which] = shop.make_sqlite(folder / "shop.sqlite3", made_by)
        return made[dialect, which]

    return url


@pytest.fixture(scope="session")
def source(urls: Callable[..., str]) -> Iterator[Callable[..., Source]]:
    """Return a source by dialect; the same one each time, unless it is declared otherwise."""
    made: dict[tuple[str, str], Source] = {}

    def get(dialect: str, *, which: str = "secrets", limits: Limits = LIMITS, **declared: Any) -> Source:
        if declared or limits != LIMITS:
            different: dict[str, Any] = {**shop.DECLARED, **declared}
            return Source(urls(dialect, which), Catalog(**different), limits, 2)
        if (dialect, which) not in made:
            made[dialect, which] = Source(urls(dialect, which), Catalog(**shop.DECLARED), limits, 2)
        return made[dialect, which]

    yield get
    for each in made.values():
        each.close()


@pytest.fixture(scope="session")
def ask() -> Ask:
    def asked(source: Source, sql: str) -> QueryResult | Refusal:
        try:
            return asyncio.run(source.ask(sql, {"tenant": shop.TENANT, "customer": ""}))
        except Refused as refused:
            return Refusal(refused=str(refused))

    return asked
