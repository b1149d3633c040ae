"""A store in the test's hands, and both clients on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio
import redis

from backdesk.worker.model.contract import ModelCheck, RequestCheck
from backdesk.worker.settings import Settings
from tests.support.board import Board
from tests.support.clients import KINDS_OF_CLIENT, Client
from tests.support.workers import Fleet

Connect = Callable[..., Client]


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    return Board(client, settings)


@pytest.fixture
def checks() -> Mapping[str, RequestCheck]:
    """The kinds whose models are installed where the client runs."""
    from tests.support.kinds import Number, Text

    return {"test.echo": ModelCheck("agents", Text), "test.steps": ModelCheck("agents", Number)}


@pytest_asyncio.fixture(params=sorted(KINDS_OF_CLIENT))
async def connected(
    request: pytest.FixtureRequest, settings: Settings, checks: Mapping[str, RequestCheck]
) -> AsyncIterator[Connect]:
    """Makes clients of one sort, with other settings or checks where a test asks for them."""
    made: list[Client] = []

    def connect(*, checks: Mapping[str, RequestCheck] | None = checks, **changes: object) -> Client:
        sort = KINDS_OF_CLIENT[request.param]
        made.append(sort(settings.model_copy(update=changes), checks))
        return made[-1]

    yield connect
    for one in made:
        await one.close()


@pytest.fixture
def jobs(connected: Connect) -> Client:
    return connected()


@pytest_asyncio.fixture(params=sorted(KINDS_OF_CLIENT))
async def on_fleet(request: pytest.FixtureRequest, fleet: Fleet) -> AsyncIterator[Client]:
    """A client of each sort, on the shared Redis with its workers."""
    client = KINDS_OF_CLIENT[request.param](fleet.settings, {})
    yield client
    await client.close()
