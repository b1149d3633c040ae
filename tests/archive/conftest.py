"""Archives of each test's own: in SQLite, and in PostgreSQL where the machine has its server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from backdesk.archive.database import SqlArchive
from backdesk.worker.settings import Settings
from tests.client.conftest import checks, connected, jobs, pytest_generate_tests
from tests.support.archives import Mover
from tests.support.board import Board, Clock
from tests.support.postgres import Postgres, find_server, postgres
from tests.support.workers import fast_settings

__all__ = ["checks", "connected", "jobs", "pytest_generate_tests"]

PROGRAMS = find_server()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    assert PROGRAMS is not None
    with postgres(PROGRAMS) as server:
        yield server


@pytest.fixture(params=["sqlite", *(["postgresql"] if PROGRAMS else [])])
def archive_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/archive.sqlite3"
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.database()


@pytest.fixture
def settings(settings: Settings, archive_url: str) -> Settings:
    return fast_settings(settings.url, archive_url=archive_url)


@pytest.fixture
def archive(settings: Settings) -> Iterator[SqlArchive]:
    with closing(SqlArchive(str(settings.archive_url), settings.prefix)) as archive:
        yield archive


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    return Board(client, settings, Clock())


@pytest.fixture
def mover(board: Board, archive: SqlArchive) -> Mover:
    return Mover(board, archive)
