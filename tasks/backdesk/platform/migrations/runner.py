"""Runs the scripts. Alembic is loaded by this module, so that only those load it who have something to run."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from backdesk.platform.migrations import HEAD, UNMARKED
from backdesk.platform.tables import Table
from backdesk.sql.scripts import config_of, one_at_a_time


def upgrade(connection: Connection, revision: str | None) -> None:
    """Bring a database from a revision to the newest, in the transaction of the connection, which the caller ends."""
    with one_at_a_time:
        config = _config(connection)
        if revision == UNMARKED:  # it may lack its mark
            command.stamp(config, UNMARKED)
        command.upgrade(config, HEAD)


def upgrade_script(dialect: str) -> str:
    """Return the SQL that makes an empty database of a dialect, such as `postgresql`, what it has to be."""
    with one_at_a_time:
        script = StringIO()
        config = _config(None, dialect, script)
        command.upgrade(config, HEAD, sql=True)
        return script.getvalue()


def new_script(connection: Connection, what: str) -> Path:
    """Write a script with what the tables in the code have more than an upgraded database, to be read and edited."""
    with one_at_a_time:
        written = command.revision(_config(connection), what, autogenerate=True, rev_id=f"{int(HEAD) + 1:04}")
        script = written[0] if isinstance(written, list) else written
        if script is None:
            raise AssertionError  # without hooks Alembic writes one
        return Path(script.path)


def differences(connection: Connection) -> list[Any]:
    """Return what an upgraded database has more or less than the tables in the code, as Alembic tells it."""
    context = MigrationContext.configure(connection, opts={"include_name": of_ours, "compare_server_default": False})
    return list(compare_metadata(context, Table.metadata))


def scripts() -> list[str]:
    """Return the revisions that there are scripts for, the oldest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config(None)).walk_revisions()][::-1]


def of_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Whether something in a database is compared with the tables in the code.

    A table that no code has is left alone: it is that of a kind that was deleted here, or of a version that may still
    run beside.
    """
    return name in Table.metadata.tables if kind == "table" else name != "text_of_passages"


def _config(connection: Connection | None, dialect: str = "", output: StringIO | None = None) -> Config:
    return config_of(Path(__file__).parent, connection, dialect, output)
