"""What is read of jobs that went to the archive. Where there is none, nobody is asked and nothing is found.

What Redis has goes before what the archive has: a job is in both for a moment, and again once it was put back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from backdesk.client.operations.operation import Calls, Commands, InArchive, Operation
from backdesk.worker.errors import ArchiveUnavailable, JobNotFound
from backdesk.worker.model.job import JobRecord
from backdesk.worker.settings import Settings
from backdesk.worker.store.archive import Archive, ArchivedDay, ArchivedJob, Wanted
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.remains import Remains, entries_of, remains_in
from backdesk.worker.store.upkeep import UpkeepCalls

log = logging.getLogger(__name__)

#: Records read in one step of a list.
PAGE = 200
#: Figures of a day, tenant and kind read in one step.
DAYS_A_PAGE = 1000

Found = dict[str, Remains]
Fits = Callable[[JobRecord], bool]


class ArchivedJobs:
    """The archived jobs of one deployment."""

    def __init__(self, settings: Settings) -> None:
        self._keys = Keys(settings.prefix)
        self._calls = UpkeepCalls(settings)
        self._there = settings.archive_url is not None

    def find(self, ids: Sequence[str], *, whole: bool) -> Operation[list[ArchivedJob]]:
        """Return those of the jobs that are in the archive, their records alone unless they are wanted `whole`."""
        if not self._there or not ids:
            return []
        (found,) = yield InArchive(lambda archive: archive.find(ids, whole=whole))
        return [*found]

    def demand(self, job_id: str) -> Operation[Remains]:
        """Return all that remains of a job that Redis does not have; raises JobNotFound."""
        found = yield from self.find([job_id], whole=True)
        if not found:
            raise JobNotFound(job_id)
        return remains_in(found[0])

    def records(self, ids: Sequence[str]) -> Operation[dict[str, JobRecord]]:
        """Return the records of those of the jobs that are in the archive, by id."""
        return _records((yield from self.find(ids, whole=False)))

    def newest(
        self, wanted: Wanted, fits: Fits, limit: int, before: tuple[int, str] | None = None
    ) -> Operation[list[JobRecord]]:
        """Return the newest records that fit, of jobs that Redis has no more, in the order of `Archive.newest`.

        With `before` only those that come after it there. While the archive is away there are none, with a warning in
        the log: a list of what goes on must not fail then.
        """
        found: dict[str, JobRecord] = {}
        while self._there and len(found) < limit:
            try:
                (page,) = yield InArchive(partial(_page, wanted=wanted, before=before))
            except ArchiveUnavailable as error:
                log.warning("archive_not_read", extra={"error": str(error)})
                break
            here = yield from self.here([each.id for each in page])
            gone = _records([each for each in page if each.id not in here])
            found |= {job_id: record for job_id, record in gone.items() if fits(record)}
            if len(page) < PAGE:
                break
            before = (page[-1].created_ms if wanted.by_creation else page[-1].ended_ms, page[-1].id)
        return [*found.values()][:limit]

    def days(self, since: str, until: str, after: ArchivedDay | None) -> Operation[list[ArchivedDay]]:
        """Return a page of the figures of days, both included, beyond one of them; none after the last."""
        if not self._there:
            return []
        (found,) = yield InArchive(lambda archive: archive.days(since, until, after, DAYS_A_PAGE))
        return [*found]

    def here(self, ids: Sequence[str]) -> Operation[set[str]]:
        """Return those of the jobs that Redis has; nobody is asked where there is no archive."""
        if not self._there or not ids:
            return set()
        found = yield Commands([("EXISTS", self._keys.job(job_id)) for job_id in ids])
        return {job_id for job_id, is_here in zip(ids, found, strict=True) if is_here}

    def drop(self, ids: Sequence[str]) -> Operation[int]:
        """Forget jobs; returns how many of them were in the archive."""
        if not self._there or not ids:
            return 0
        (dropped,) = yield InArchive(lambda archive: archive.drop(ids))
        return int(dropped)

    def restore(self, job_id: str) -> Operation[None]:
        """Put a job back that is in the archive alone, so that it can be done again. Idempotent."""
        if (yield from self.here([job_id])):
            return
        for each in (yield from self.find([job_id], whole=True)):
            yield Calls([self._calls.restore(job_id, entries_of(remains_in(each)))])


def _page(archive: Archive, *, wanted: Wanted, before: tuple[int, str] | None) -> list[ArchivedJob]:
    return archive.newest(wanted, before, PAGE)


def _records(found: Sequence[ArchivedJob]) -> dict[str, JobRecord]:
    read = {each.id: remains_in(each).record(each.id, each.events) for each in found}
    return {job_id: record for job_id, record in read.items() if record is not None}
