"""What is raised for a query that is not run."""

from __future__ import annotations


class Refused(ValueError):
    """The query is not run, or could not be; the text says why, and how to ask otherwise. It holds no data."""
