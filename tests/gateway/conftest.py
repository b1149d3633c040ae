"""Fixtures of the gateway's tests."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.gateway import serving
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
