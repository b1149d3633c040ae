"""A bench for jobs of agents that other libraries run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backdesk.testing import Bench, sandbox
from backdesk.worker.attempt.registry import REGISTRY


@pytest.fixture
def bench() -> Iterator[Bench]:
    known = set(REGISTRY)
    with Bench() as bench, sandbox():
        yield bench
    for kind in REGISTRY.keys() - known:
        del REGISTRY[kind]
