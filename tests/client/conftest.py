"""A store in the test's hands, and both clients on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache

import pytest
import pytest_asyncio
import redis
from pydantic import BaseModel

from backdesk.worker.model.contract import KindContract, ModelCheck, RequestCheck
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect as connected_to
from backdesk.worker.store.keys import Keys
from tests.support.board import Board
from tests.support.clients import KINDS_OF_CLIENT, KINDS_OVER_HTTP, Client
from tests.support.gateway import serving
from tests.support.kinds import Number, Text
from tests.support.workers import Fleet, fast_settings

Connect = Callable[..., Client]
#: The requests of the kinds that these tests ask for.
MODELS: dict[str, type[BaseModel]] = {"test.echo": Text, "test.steps": Number}


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    return Board(client, settings)


@pytest.fixture
def checks() -> Mapping[str, RequestCheck]:
    """The kinds whose models are installed where the client runs."""
    return {kind: ModelCheck("agents", model) for kind, model in MODELS.items()}


def announced(settings: Settings, checks: Mapping[str, RequestCheck]) -> None:
    """Have the store know kinds, as if workers had announced them: a gateway has no models of its own."""
    with connected_to(settings.url) as store:
        for kind, check in checks.items():
            model = MODELS.get(kind)
            if model is not None:
                contract = KindContract.of(kind, check.queue, model, model)
                store.hset(Keys(settings.prefix).kinds, kind, contract.model_dump_json())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have each sort of client; those over HTTP where the module says that it holds for them too."""
    if "connected" in metafunc.fixturenames:
        over_http = KINDS_OVER_HTTP if metafunc.definition.get_closest_marker("over_http") else ()
        metafunc.parametrize("connected", [*sorted(KINDS_OF_CLIENT), *over_http], indirect=True)


@pytest.fixture(scope="session")
def gateways() -> Iterator[Callable[[Settings], str]]:
    """Gives the address of a gateway to a deployment, which is kept for other tests on the same Redis."""
    with ExitStack() as open_ones:
        yield cache(lambda url: open_ones.enter_context(serving(fast_settings(url))))


@pytest_asyncio.fixture
async def connected(
    request: pytest.FixtureRequest, settings: Settings, checks: Mapping[str, RequestCheck]
) -> AsyncIterator[Connect]:
    """Makes clients of one sort, with other settings or checks where a test asks for them."""
    made: list[Client] = []

    def connect(*, checks: Mapping[str, RequestCheck] | None = checks, **changes: object) -> Client:
        if request.param in KINDS_OVER_HTTP:
            if changes:
                pytest.skip("these settings are the gateway's")
            announced(settings, checks or {})
            url = request.getfixturevalue("gateways")(settings.url)
            made.append(KINDS_OVER_HTTP[request.param](url))
            return made[-1]
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
