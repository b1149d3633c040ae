"""A deployment of each test's own."""

from tests.support.deployment import desk, memories, provider, seeded, shop, surroundings
from tests.support.strangers import owned, small

__all__ = ["desk", "memories", "owned", "provider", "seeded", "shop", "small", "surroundings"]
