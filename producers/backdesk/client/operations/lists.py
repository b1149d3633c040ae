"""Lists of jobs, read from indexes a page at a time: records, or rows without what the jobs were given and gave.

Those that went to the archive, where there is one, stand in their place among those that Redis has.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from backdesk.client.operations.asks import checked_limit
from backdesk.client.operations.holds import with_holds
from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Operation
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.job import ACTIVE, JobRecord, JobRow, JobState
from backdesk.worker.model.page import Page, Place, read_cursor
from backdesk.worker.store.archive import Wanted
from backdesk.worker.store.listing import LONGEST_BEGINNING, JobFilter, ListingCalls
from backdesk.worker.store.records import row_of

#: Records read in one round trip.
RECORDS_A_TRIP = 200

#: What a list holds of each job.
FieldSet = Literal["record", "row"]
JobPage = Page[JobRecord]
RowPage = Page[JobRow]
T = TypeVar("T")


class ListOperations:
    """The operations that list jobs."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core
        self._calls = ListingCalls(core.settings)

    def page(self, meant: JobFilter, limit: int, cursor: str | None, fields: FieldSet) -> Operation[Page[Any]]:
        """Return a page of records or rows."""
        if meant.code is not None and meant.state is not JobState.FAILED:
            raise InvalidRequest("code", f"is of jobs that failed, not of those that are {meant.state}")
        if fields == "record":
            return (yield from self.records(meant, limit, cursor))
        if fields == "row":
            return (yield from self.rows(meant, limit, cursor))
        raise InvalidRequest("fields", f"{fields!r} must be 'record' or 'row'")

    def records(self, meant: JobFilter, limit: int, cursor: str | None) -> Operation[JobPage]:
        """Return a page of records."""
        after, found = read_cursor(cursor), list[tuple[Place, JobRecord]]()
        page: Page[tuple[Place, str]]
        (page,) = yield Calls([self._calls.jobs(meant, after, checked_limit(limit))])
        for at in range(0, len(page), RECORDS_A_TRIP):
            part = page[at : at + RECORDS_A_TRIP]
            read = yield from self._core.records([job_id for _, job_id in part])
            # Some may have gone on meanwhile.
            found += [(each[0], job) for each, job in zip(part, read, strict=True) if job and meant.fits(job)]
        here = yield from with_holds(self._core.keys, [job for _, job in found])
        placed = [*zip([place for place, _ in found], here, strict=True)]
        archived = yield from self._archived(meant, limit, after)
        return _merged(page.holding(placed), archived, limit)

    def rows(self, meant: JobFilter, limit: int, cursor: str | None) -> Operation[RowPage]:
        """Return a page of rows."""
        after = read_cursor(cursor)
        page: Page[tuple[Place, JobRow]]
        (page,) = yield Calls([self._calls.rows(meant, after, checked_limit(limit))])
        here = yield from with_holds(self._core.keys, [row for _, row in page])
        placed = [*zip([place for place, _ in page], here, strict=True)]
        archived = yield from self._archived(meant, limit, after)
        rows = [(place, row_of(record, LONGEST_BEGINNING)) for place, record in archived]
        return _merged(page.holding(placed), archived.holding(rows), limit)

    def all(self, meant: JobFilter, limit: int) -> Operation[list[JobRecord]]:
        """Return the newest records that fit, so many at most, however far they are to be looked for."""
        found, cursor = list[JobRecord](), None
        while True:
            page = yield from self.records(meant, min(limit - len(found), RECORDS_A_TRIP), cursor)
            found, cursor = found + page.items, page.cursor
            if cursor is None or len(found) >= limit:
                return found

    def _archived(self, meant: JobFilter, limit: int, after: Place) -> Operation[Page[tuple[Place, JobRecord]]]:
        """Return a page of those in the archive, which has them in the order of Redis."""
        if meant.state in ACTIVE:
            return Page([], None, 0, 0, complete=True)
        by_creation = meant.tenant is not None and meant.state is None
        wanted = Wanted(meant.tenant, meant.kind, meant.state, meant.code, meant.since_ms, by_creation)
        return (yield from self._core.archived.newest(wanted, meant.fits, limit, after))


def _merged(page: Page[tuple[Place, T]], archived: Page[tuple[Place, T]], limit: int) -> Page[T]:
    """Return a page of what Redis has with what the archive has: up to where both were looked through."""
    ends = [read_cursor(each.cursor) for each in (page, archived) if each.cursor is not None]
    end = max(ends, key=lambda place: place.rank, default=None)
    both = {place.member: (place, item) for place, item in (*archived, *page)}  # by id: one may go there meanwhile
    found = sorted(both.values(), key=lambda each: each[0].rank, reverse=True)
    if end is not None:
        found = [each for each in found if each[0].rank >= end.rank]
    if len(found) > limit:
        found, end = found[:limit], found[limit - 1][0]
    looked_at, of = page.looked_at + archived.looked_at, page.of + archived.of
    complete = end is None or len(found) == limit
    return Page([item for _, item in found], end and end.cursor, looked_at, of, complete)
