"""How the tables came to be what they are: one script a change, in `versions`, run by Alembic.

To load Alembic takes a fifth of a second, so nothing here does: what a process has to know at its start is whether the
database is at the newest revision, which `REVISIONS` tells. `runner` loads it, when there is something to do. Scripts
only add: a worker of the version before must be able to work on. There is no way back but a backup.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect

from backdesk.sql.engines import noted_revision
from backdesk.worker.errors import ConfigurationError

#: Of the scripts, the oldest first; a test holds them equal.
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011")
HEAD = REVISIONS[-1]
#: What databases were that Alembic did not make, because the first release made its tables without it.
UNMARKED = "0001"


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database, None for an empty one. Raises ConfigurationError for one from the future."""
    revision = noted_revision(connection, "alembic_version")
    if revision is None and inspect(connection).has_table("customers"):
        revision = UNMARKED
    if revision not in (None, *REVISIONS):
        raise ConfigurationError(
            f"the business database is at revision {revision}, this version of backdesk knows those up to {HEAD}: "
            "run the version that has upgraded it, or a newer one"
        )
    return revision
