"""What the task bodies of one process share: the settings and the business database, made at their first use.

A forked worker must not use the connections of its parent, so the process id is part of what "first" means.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backdesk.platform.database import Database
from backdesk.platform.settings import TaskSettings, load_settings


@dataclass(frozen=True, slots=True)
class Deployment:
    """The resources of this process."""

    settings: TaskSettings
    database: Database
    pid: int


_lock = threading.Lock()
_current: Deployment | None = None


def deployment() -> Deployment:
    """Return the process's resources. Raises ConfigurationError when a setting is wrong."""
    global _current  # noqa: PLW0603 - one per process is the point
    current = _current
    if current is not None and current.pid == os.getpid():
        return current
    with _lock:
        if _current is None or _current.pid != os.getpid():
            settings = load_settings()
            _current = Deployment(settings, Database(settings.database, samples=settings.samples), os.getpid())
        return _current


def reset() -> None:
    """Close what is open and forget it: the next use reads the environment again."""
    global _current  # noqa: PLW0603 - as above
    with _lock:
        if _current is not None and _current.pid == os.getpid():
            _current.database.close()
        _current = None


@contextmanager
def instead(other: Deployment) -> Iterator[None]:
    """Give the bodies of this process other resources within the block, for tests; those they had come back then."""
    global _current  # noqa: PLW0603 - as above
    before, _current = _current, other
    try:
        yield
    finally:
        _current = before


def _after_fork() -> None:
    # A thread of the parent may have held the lock at the moment of the fork; nobody would release it here.
    global _lock  # noqa: PLW0603 - as above
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
