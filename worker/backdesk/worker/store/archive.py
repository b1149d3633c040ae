"""The archive: where jobs and figures go that Redis would forget. What it keeps of each, and what is asked of it.

How it keeps them is no business of the engine, which knows no database: where BACKDESK_ARCHIVE_URL says that there is
an archive, `backdesk.archive` is loaded by its name. Each question blocks until the database answers: no event loop
may ask one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from backdesk.worker.errors import ConfigurationError
from backdesk.worker.settings import Settings

_MODULE = "backdesk.archive.database"
_EXTRA = "archive"


@dataclass(frozen=True, slots=True)
class ArchivedJob:
    """What the archive keeps of a job: what it is found by, and what Redis had of it (`store.remains`), packed."""

    id: str
    tenant: str
    kind: str
    state: str
    #: Of its error, "" without one.
    code: str
    created_ms: int
    ended_ms: int
    #: In its log.
    events: int
    record: bytes
    #: Empty where only records are asked for, as are the workings.
    log: bytes = b""
    workings: bytes = b""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which archived jobs are meant, the newest by their end or by their creation first.

    None stands for any; `since_ms` is the oldest end.
    """

    tenant: str | None = None
    kind: str | None = None
    state: str | None = None
    code: str | None = None
    since_ms: int | None = None
    by_creation: bool = False


@dataclass(frozen=True, slots=True)
class ArchivedDay:
    """What jobs of a kind and tenant came to that ended on a day in UTC: the hash of Redis, packed."""

    day: str
    tenant: str
    kind: str
    figures: bytes


class Archive(Protocol):
    """The archived jobs of one deployment. Every method raises ArchiveUnavailable."""

    def prepare(self) -> None:
        """Bring the database to the tables of this version. Idempotent, and safe for several workers at once.

        Raises ConfigurationError for a database of a newer version.
        """

    def keep(self, jobs: Sequence[ArchivedJob]) -> None:
        """Keep jobs, each in the place of what was kept under its id. Atomic.

        Raises other errors where it was reached, and refuses one of them.
        """

    def find(self, ids: Sequence[str], *, whole: bool) -> list[ArchivedJob]:
        """Return those of the jobs that are kept; their records alone unless they are wanted `whole`."""

    def tenants(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the tenants of those of the jobs that are kept, by id."""

    def newest(self, wanted: Wanted, before: tuple[int, str] | None, limit: int) -> list[ArchivedJob]:
        """Return the newest records that fit, those of one moment by their id.

        With `before` only those that come after this moment (ms) and id in that order.
        """

    def drop(self, ids: Sequence[str]) -> int:
        """Forget jobs; returns how many of them were kept."""

    def expire(self, before_ms: int, most: int) -> int:
        """Forget jobs that ended before a moment, so many at most, and days before it; returns how many jobs."""

    def keep_days(self, days: Sequence[ArchivedDay]) -> None:
        """Keep figures of days, in the place of former copies. Atomic."""

    def days(self, since: str, until: str, after: ArchivedDay | None, limit: int) -> list[ArchivedDay]:
        """Return figures of days, both included, by day, tenant and kind; those that come `after` one of them."""

    def close(self) -> None:
        """Close the connections; a later use opens new ones. Idempotent."""


def open_archive(settings: Settings) -> Archive:
    """Return the archive that the settings name, without asking it anything.

    Raises ConfigurationError where what it needs is not installed.
    """
    try:
        module = import_module(_MODULE)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f'{error}; for BACKDESK_ARCHIVE_URL: pip install "backdesk[{_EXTRA}]"') from error
    return cast("Archive", module.SqlArchive(settings.archive_url, settings.prefix))
