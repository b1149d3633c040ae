"""Fixtures of all tests: no setting of the machine reaches a test, and each test that needs Redis has its own.

The one that does is BACKDESK_REDIS_SERVER, the server program to test on.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import redis

from backdesk.worker.embedded.server import SERVER_VARIABLE, EmbeddedRedis
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect
from tests.support.servers import Servers
from tests.support.shared_fleet import SharedFleet
from tests.support.workers import Fleet, fast_settings

# What a shell starts in the background ignores Ctrl-C, and so would the commands that tests start and then interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    gc.freeze()  # thousands of tests and all libraries live to the end: no collection need look through them again
    gc.set_threshold(10_000, 20, 20)  # collections took a tenth of the CPU


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("BACKDESK_", "OPENAI_"))]:
        if name != SERVER_VARIABLE:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def undertaker() -> Iterator[Executor]:
    """Ends servers behind the tests' backs: a Redis takes 0.2 s to stop, and nobody needs to watch."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture(scope="session")
def servers(undertaker: Executor) -> Iterator[Servers]:
    servers = Servers(lambda server: undertaker.submit(server.stop))
    yield servers
    servers.close()


@pytest.fixture
def redis_server(servers: Servers) -> Iterator[EmbeddedRedis]:
    """A private Redis, empty."""
    server = servers.take()
    yield server
    servers.give_back(server)


@pytest.fixture
def client(redis_server: EmbeddedRedis) -> Iterator[redis.Redis]:
    with connect(redis_server.url) as connected:
        yield connected


@pytest.fixture
def settings(redis_server: EmbeddedRedis) -> Settings:
    return fast_settings(redis_server.url)


@pytest.fixture
def fleet_of_this_test(tmp_path: Path) -> Iterator[Fleet]:
    """Real workers on a Redis of their own, for tests that kill them; none is started yet."""
    with Fleet(tmp_path) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def shared_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedFleet]:
    with Fleet(tmp_path_factory.mktemp("fleet")) as fleet, closing(SharedFleet(fleet)) as shared:
        fleet.start_workers("agents", "tools")
        yield shared


@pytest.fixture
def fleet(shared_fleet: SharedFleet) -> Iterator[Fleet]:
    """One agents and one tools worker, shared by the tests that leave them alive and well."""
    with shared_fleet.awake() as fleet:
        yield fleet
