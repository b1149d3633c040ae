"""A deployment of each test's own: a real database file, the offline model, and no setting of the machine.

Fixtures, for the `conftest.py` of each room whose tests call bodies and tools without an engine around them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from backdesk.agents.desk import Desk
from backdesk.agents.provider import close_model
from backdesk.platform.database import Database
from backdesk.platform.deployment import deployment, reset
from backdesk.platform.settings import load_settings
from backdesk.shop.testing import seeded_shop
from tests.support.memories import MEMORIES
from tests.support.openai_simulator import OpenAISimulator
from tests.support.workers import Fleet


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A freshly seeded database file, to copy; its day is today."""
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite3"
    path.write_bytes(seeded_shop())
    return path


@pytest.fixture(scope="session", autouse=True)
def memories() -> Iterator[None]:
    """What outlives jobs is kept in one Redis, which ends with the last test."""
    yield
    MEMORIES.close()


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of the machine reaches a test, and no model is configured."""
    for name in [name for name in os.environ if name.startswith(("BACKDESK_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKDESK_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("BACKDESK_SAMPLES", "1")
    monkeypatch.setenv("BACKDESK_OFFLINE_TOKEN_DELAY_MS", "0")
    # Whoever would go out to a provider finds no way: only the simulator on this machine is reached directly.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    MEMORIES.begin()
    reset()
    yield
    reset()


@pytest.fixture
def shop(seeded: Path, tmp_path: Path) -> Iterator[Database]:
    """The database that the bodies of this test use."""
    shutil.copy(seeded, tmp_path / "shop.sqlite3")
    with closing(deployment().database) as database:  # which is not the deployment's own after a `reset`
        yield database


@contextmanager
def shop_fleet(folder: Path, seeded: Path, **settings: Any) -> Iterator[Fleet]:
    """A fleet whose workers have a freshly seeded shop; none is started yet."""
    data = folder / "data"
    data.mkdir()
    shutil.copy(seeded, data / "shop.sqlite3")
    with Fleet(folder, data_dir=data, **{"lease_s": 3.0, "max_crashes": 10} | settings) as fleet:
        yield fleet


def desk_of(shop: Database, job_id: str = "job-1", customer_id: str | None = "cust-3") -> Desk:
    """A desk as the engine's keys make it, without the engine; it serves whom order 10003 is of."""
    return Desk(shop, "default", customer_id, f"{job_id}:{{}}".format, load_settings())


@pytest.fixture
def desk(shop: Database) -> Desk:
    return desk_of(shop)


@pytest_asyncio.fixture
async def provider(monkeypatch: pytest.MonkeyPatch, shop: Database) -> AsyncIterator[OpenAISimulator]:
    """A provider that does as it is told, in place of the offline model."""
    with OpenAISimulator().running() as simulator:
        monkeypatch.setenv("OPENAI_BASE_URL", simulator.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-test")
        reset()
        yield simulator
        await close_model()
