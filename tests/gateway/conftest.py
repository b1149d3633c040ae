"""Fixtures of the gateway's tests."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.gateway import serving
from tests.support.house import House, housed, reached
from tests.support.servers import Servers
from tests.support.shared_fleet import SharedFleet
from tests.support.workers import Fleet


@pytest.fixture(scope="session")
def served(shared_fleet: SharedFleet) -> Iterator[str]:
    """The address of a gateway to the workers that many tests share."""
    with shared_fleet.awake() as fleet:
        settings = fleet.settings
    with serving(settings) as url:
        yield url


@pytest.fixture
def http(served: str, fleet: Fleet) -> Iterator[httpx2.Client]:
    """A client of that gateway, from this machine and so with all scopes."""
    with httpx2.Client(base_url=served, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def house(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A deployment with keys of every scope and several tenants, without workers."""
    with housed(servers, tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="module")
def guarded(house: House) -> Iterator[httpx2.Client]:
    """A client of its gateway that has no key of its own."""
    with reached(house.settings, max_failures=100_000) as client:
        yield client
