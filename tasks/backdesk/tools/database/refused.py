"""What is raised for a query that is not run."""

from __future__ import annotations


class Refused(ValueError):
    """The query is not run, or could not be; the text says why, and how to ask otherwise. It holds no data."""


class Unreachable(Refused):
    """The database does not answer: the same query may be taken later."""

    def __init__(self) -> None:
        super().__init__("the database cannot be reached at the moment")
