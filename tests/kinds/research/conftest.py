"""A bench with the kinds of research on it, and no model but what a test gives it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import backdesk.kinds.research.kind  # noqa: F401 - registers the kinds
from backdesk.testing import Bench, sandbox


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench(most_attempts=200) as bench, sandbox():
        yield bench
