"""A deployment of each test's own."""

from tests.support.deployment import memories, seeded

__all__ = ["memories", "seeded"]
