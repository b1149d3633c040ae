"""What is read of jobs that went to the archive. Where there is none, nobody is asked and nothing is found.

What Redis has goes before what the archive has: a job is in both for a moment, and again once it was put back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from backdesk.client.operations.operation import Calls, Commands, InArchive, Operation
from backdesk.worker.errors import ArchiveUnavailable, JobNotFound
from backdesk.worker.model.job import JobRecord
from backdesk.worker.model.page import Page, Place
from backdesk.worker.settings import Settings
from backdesk.worker.store.archive import ArchivedDay, ArchivedJob, Wanted
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.listing import MOST_LOOKED_AT
from backdesk.worker.store.remains import Remains, entries_of, remains_in
from backdesk.worker.store.upkeep import UpkeepCalls

log = logging.getLogger(__name__)

#: Records of a list that are asked for at once.
PAGE = 200
#: Figures of a day, tenant and kind read in one step.
DAYS_A_PAGE = 1000

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

    def newest(self, wanted: Wanted, fits: Fits, limit: int, after: Place) -> Operation[Page[tuple[Place, JobRecord]]]:
        """Return a page of the newest records that fit, of jobs that Redis has no more, in the order of the archive.

        It may hold more than `limit`. While the archive is away it is empty, with a warning in the log: a list of what
        goes on must not fail then.
        """
        found, looked_at = list[tuple[Place, JobRecord]](), 0
        if not self._there:
            return Page(found, None, looked_at, looked_at, complete=True)
        while len(found) < limit and looked_at < MOST_LOOKED_AT:
            part = yield from self._part(wanted, after)
            here = yield from self.here([each.id for each in part])
            gone = _records([each for each in part if each.id not in here])
            found += [(_place(wanted, each), gone[each.id]) for each in part if each.id in gone and fits(gone[each.id])]
            looked_at += len(part)
            if len(part) < PAGE:
                return Page(found, None, looked_at, looked_at, complete=True)
            after = _place(wanted, part[-1])
        return Page(found, after.cursor, looked_at, looked_at, complete=len(found) >= limit)

    def _part(self, wanted: Wanted, after: Place) -> Operation[list[ArchivedJob]]:
        before = (int(float(after.score)), after.member) if after.score else None
        try:
            (part,) = yield InArchive(lambda archive: archive.newest(wanted, before, PAGE))
        except ArchiveUnavailable as error:
            log.warning("archive_not_read", extra={"error": str(error)})
            return []
        return [*part]

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


def _place(wanted: Wanted, job: ArchivedJob) -> Place:
    return Place(str(job.created_ms if wanted.by_creation else job.ended_ms), job.id)


def _records(found: Sequence[ArchivedJob]) -> dict[str, JobRecord]:
    read = {each.id: remains_in(each).record(each.id) for each in found}
    return {job_id: record for job_id, record in read.items() if record is not None}
