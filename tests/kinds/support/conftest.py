"""The bench, by the fixture that users get."""

from backdesk.testing.plugin import bench

__all__ = ["bench"]
