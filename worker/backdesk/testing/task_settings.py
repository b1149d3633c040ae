"""What bodies find in a test: the defaults of the tasks' settings, an empty folder, a database of the test's own."""

from __future__ import annotations

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


class GivenTaskSettings(GivenAlone, TaskSettings):
    """Settings of the tasks that come from the test alone: no model is configured, whatever the machine has."""


@contextmanager
def sandbox(seed: bytes = b"", **settings: Any) -> Iterator[Database]:
    """Give all bodies of this process a place of their own within the block; it is gone afterwards.

    The settings of the tasks are the defaults then, so that offline rules answer, and answer at once; others are given
    by name, such as `max_model_requests=3`. The database is made at its first use, unless `seed` is the file of one.
    Raises ConfigurationError for a setting that does not fit.
    """
    with tempfile.TemporaryDirectory(prefix="backdesk-test-") as folder:
        path = Path(folder) / "tasks.sqlite3"
        if seed:
            path.write_bytes(seed)
        place = {"data_dir": Path(folder), "database_url": f"sqlite:///{path}"}
        # What rules do here they do to nobody: they may do anything.
        usual = {**place, "samples": True, "offline_token_delay_ms": 0}
        known = _settings({**usual, **settings})
        database = Database(known.database, samples=known.samples)
        try:
            with instead(Deployment(known, database, os.getpid())):
                yield database
        finally:
            database.close()


def _settings(given: dict[str, Any]) -> TaskSettings:
    if unknown := given.keys() - TaskSettings.model_fields.keys():
        raise ConfigurationError(f"the tasks have no setting {', '.join(sorted(unknown))}")
    names = {name: str(TaskSettings.model_fields[name].validation_alias) for name in given}
    try:
        return GivenTaskSettings(**{names[name]: value for name, value in given.items()})
    except ValidationError as error:
        reasons = "; ".join(f"{name}: {why}" for name, why in field_errors(error).items())
        raise ConfigurationError(f"the tasks have settings that do not fit: {reasons}") from None
