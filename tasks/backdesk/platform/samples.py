"""Sample data, so that there is something to try: where it is wanted, each is put in once, after what it leans on.

Whoever has tables names the module of their sample with `offer`; it is loaded when a database is prepared. The table
`seedings` keeps the names of those that are in. What is offered later is put into older databases too, where what it
leans on still is. All days are counted back from the day of the seeding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from importlib import import_module

from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Sample:
    """Data that is put in as a whole, and once."""

    name: str
    seed: Callable[[Session, date], None]
    #: What must be in before, and still be as it was put in.
    leans_on: Sample | None = None
    #: Whether it may be put into a database in which it is not.
    fits: Callable[[Session], bool] = lambda _session: True
    #: Whether a database still holds it as it was put in; asked when something leans on it.
    is_in: Callable[[Session], bool] = lambda _session: True


_offered: list[str] = []


def offer(module: str) -> None:
    """Name a module that has a `SAMPLE`. Idempotent."""
    if module not in _offered:
        _offered.append(module)


def offered() -> Iterator[Sample]:
    """Yield the samples of all modules that were named, each after what it leans on."""
    seen: set[str] = set()
    for module in _offered:  # a module that is loaded here may offer others, which come behind
        sample: Sample | None = import_module(module).SAMPLE
        line = []
        while sample is not None and sample.name not in seen:
            seen.add(sample.name)
            line.append(sample)
            sample = sample.leans_on
        yield from reversed(line)
