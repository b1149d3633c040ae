"""A shop of a test's own, for the bodies of this process: filled once, and copied for each test."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backdesk.platform.database import Database
from backdesk.testing import sandbox


@contextmanager
def sample_shop(**settings: Any) -> Iterator[Database]:
    """Give all bodies of this process a fresh sample shop within the block; it is gone afterwards.

    The settings are those of `backdesk.testing.sandbox`, such as `refund_limit_cents=0`. After the first, which is
    filled, a shop takes milliseconds. Raises ConfigurationError for a setting that does not fit.
    """
    with sandbox(seeded_shop(), **settings) as database:
        yield database


@functools.cache
def seeded_shop() -> bytes:
    """Return a database file with the sample shop as it is today; filled once in a process."""
    with tempfile.TemporaryDirectory(prefix="backdesk-shop-") as folder:
        path = Path(folder) / "shop.sqlite3"
        database = Database(f"sqlite:///{path}", samples=True)
        with database.of_all_tenants().read():
            pass
        database.close()  # with its last connection SQLite moves what it has written into the one file
        return path.read_bytes()
