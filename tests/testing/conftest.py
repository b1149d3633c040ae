"""The bench, by the fixture that users get."""

from worker.testing.plugin import bench

__all__ = ["bench"]
