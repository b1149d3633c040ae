"""What tools and kinds cannot work without, and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dependency:
    """What a tool cannot work without. `check` blocks; it returns what it has found, and raises what is wrong.

    `look` asks nobody: it returns what is declared, and raises ConfigurationError for what is missing here. What
    `secrets` returns is masked wherever a check quotes it.
    """

    name: str
    check: Callable[[], str]
    look: Callable[[], str] | None = None
    secrets: Callable[[], Iterable[str]] = tuple


class Unfit(Exception):
    """What is wrong with a dependency, and what to do about it; `works` says that tools work with it all the same."""

    def __init__(self, wrong: str, fix: str, *, works: bool = False) -> None:
        super().__init__(wrong)
        self.fix = fix
        self.works = works
