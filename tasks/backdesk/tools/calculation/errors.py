"""What cannot be calculated, and why."""

from __future__ import annotations


class NotCalculable(ValueError):
    """An expression that has no result; the message says which part was not understood, or what is wrong with it."""
