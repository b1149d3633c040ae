"""The bench, by the fixture that users get; and a service desk that asks no customer before a refund."""

import pytest

from backdesk.testing.plugin import bench
from tests.kinds.support.waived import WAIVING

__all__ = ["bench", "waived"]


@pytest.fixture
def waived(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have refunds made without the customer's yes, in tests of all that comes after it."""
    monkeypatch.setattr("backdesk.kinds.support.kind.SUPPORT", WAIVING)
