"""A bench with webhooks, and a receiver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import backdesk.kinds.webhook.kind
import tests.support.kinds
from backdesk.testing import Bench
from tests.kinds.webhook.hooks import Hooks
from tests.support.http_site import Site, serving
from tests.support.webhooks import SETTINGS

assert backdesk.kinds.webhook.kind
assert tests.support.kinds


@pytest.fixture(scope="module")
def receiving() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def site(receiving: Site) -> Site:
    receiving.answers.clear()
    receiving.seen.clear()
    return receiving


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench(**SETTINGS) as bench:
        yield bench


@pytest.fixture
def hooks(bench: Bench, site: Site) -> Iterator[Hooks]:
    hooks = Hooks(bench, site)
    yield hooks
    hooks.close()
