"""A deployment of each test's own, a site that tools may ask, and desks to ask it from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from backdesk.agents.desk import Desk
from backdesk.platform.database import Database
from backdesk.platform.settings import TaskSettings
from tests.support.deployment import memories, seeded, shop, surroundings
from tests.support.http_site import Site, serving

__all__ = ["memories", "seeded", "shop", "surroundings"]


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def desk() -> Desk:
    return Desk(Database("sqlite://"), "acme", None, lambda name: f"job-1:{name}", TaskSettings(_env_file=None))


async def here(_host: str, _port: int) -> Sequence[str]:
    """Find every host on this machine."""
    return ["127.0.0.1"]


@pytest.fixture
def resolve() -> object:
    return here
