"""A deployment of each test's own."""

from tests.support.deployment import archives, desk, provider, seeded, shop, surroundings

__all__ = ["archives", "desk", "provider", "seeded", "shop", "surroundings"]
