"""A deployment of each test's own."""

from tests.support.deployment import desk, memories, provider, seeded, shop, surroundings

__all__ = ["desk", "memories", "provider", "seeded", "shop", "surroundings"]
