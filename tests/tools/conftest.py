"""A deployment of each test's own."""

from tests.support.deployment import memories, seeded, shop, surroundings

__all__ = ["memories", "seeded", "shop", "surroundings"]
