"""The fixture `bench`: `pytest_plugins = ["backdesk.testing.plugin"]` in the `conftest.py` at the root of the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backdesk.testing.bench import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A bench of this test's own."""
    with Bench() as bench:
        yield bench
