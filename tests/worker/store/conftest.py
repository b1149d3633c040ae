"""A board for each test, and the check that no test leaves a key behind that nobody will remove."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from backdesk.worker.settings import Settings
from tests.support.board import Board, Clock
from tests.support.upkeep import leaks


@pytest.fixture
def client(client: redis.Redis) -> Iterator[redis.Redis]:
    """The same without a pool, which is asked for a connection at each command; none is lost in these tests."""
    with client.client() as connected:
        yield connected


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(client: redis.Redis, settings: Settings, clock: Clock) -> Board:
    return Board(client, settings, clock)


@pytest.fixture(autouse=True)
def every_key_has_an_end(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a key without an end, or a listing that the record of the job contradicts."""
    client: redis.Redis | None = request.getfixturevalue("client") if "client" in request.fixturenames else None
    yield
    if client is not None:
        assert leaks(client, "backdesk") == []
