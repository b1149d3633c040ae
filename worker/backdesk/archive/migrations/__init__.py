"""How the tables of the archive came to be what they are: one script a change, in `versions`, run by Alembic.

Nothing here loads Alembic but `upgrade`. Scripts only add: a worker of the version before must be able to work on.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

#: Of the scripts, the oldest first; a test holds them equal.
REVISIONS = ("0001", "0002", "0003")
HEAD = REVISIONS[-1]


def upgrade(connection: Connection) -> None:
    """Bring an archive to the newest revision, in the transaction of the connection, which the caller ends."""
    from alembic import command  # noqa: PLC0415 - it takes a fifth of a second, and few need it

    from backdesk.sql.scripts import config_of, one_at_a_time  # noqa: PLC0415 - loads it too

    with one_at_a_time:
        command.upgrade(config_of(Path(__file__).parent, connection), HEAD)
