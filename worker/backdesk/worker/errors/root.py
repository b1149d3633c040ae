"""The root of all errors of backdesk."""

from __future__ import annotations


class BackdeskError(Exception):
    """The root of all errors raised by backdesk."""
