"""A deployment of each test's own, and a bench with the desk and those that have to do with it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest

from backdesk.shop.testing import sample_shop
from backdesk.testing import Bench
from tests.support.deployment import desk, memories, provider, seeded, shop, surroundings

__all__ = ["bench", "desk", "memories", "provider", "seeded", "shop", "surroundings"]

for kind in ("desk", "notify", "support"):  # registers them, of which one is ours
    import_module(f"backdesk.kinds.{kind}.kind")


@pytest.fixture
def bench() -> Iterator[Bench]:
    with sample_shop(), Bench() as bench:
        yield bench
