"""A shop of a test's own, for the bodies of this process: filled once, and copied for each test."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backdesk.platform.database import Database
from backdesk.platform.deployment import Deployment, instead
from backdesk.platform.settings import TaskSettings
from backdesk.testing.settings import GivenAlone
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.model.contract import field_errors


class ShopSettings(GivenAlone, TaskSettings):
    """Settings of the tasks that come from the test alone: no model is configured, whatever the machine has."""


@contextmanager
def sample_shop(**settings: Any) -> Iterator[Database]:
    """Give all bodies of this process a fresh sample shop within the block; it is gone afterwards.

    The settings of the tasks are the defaults then, so that the offline model answers, and answers at once; others are
    given by name, such as `refund_limit_cents=0`. After the first, which is filled, a shop takes milliseconds. Raises
    ConfigurationError for a setting that does not fit.
    """
    with tempfile.TemporaryDirectory(prefix="backdesk-shop-") as folder:
        path = Path(folder) / "shop.sqlite3"
        path.write_bytes(seeded_shop())
        usual = {"data_dir": Path(folder), "database_url": f"sqlite:///{path}", "offline_token_delay_ms": 0}
        known = _settings({**usual, **settings})
        database = Database(known.database)
        try:
            with instead(Deployment(known, database, os.getpid())):
                yield database
        finally:
            database.close()


@functools.cache
def seeded_shop() -> bytes:
    """Return a database file with the sample shop as it is today; filled once in a process."""
    with tempfile.TemporaryDirectory(prefix="backdesk-shop-") as folder:
        path = Path(folder) / "shop.sqlite3"
        database = Database(f"sqlite:///{path}")
        with database.read():
            pass
        database.close()  # with its last connection SQLite moves what it has written into the one file
        return path.read_bytes()


def _settings(given: dict[str, Any]) -> TaskSettings:
    if unknown := given.keys() - TaskSettings.model_fields.keys():
        raise ConfigurationError(f"the tasks have no setting {', '.join(sorted(unknown))}")
    try:
        return ShopSettings(**{str(TaskSettings.model_fields[name].validation_alias): v for name, v in given.items()})
    except ValidationError as error:
        reasons = "; ".join(f"{name}: {why}" for name, why in field_errors(error).items())
        raise ConfigurationError(f"the shop has settings that do not fit: {reasons}") from None
