"""The calls that list what there is by its indexes, a page at a time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from backdesk.worker.model.asks import OpenAsk
from backdesk.worker.model.job import JobFacts, JobRow, JobState
from backdesk.worker.model.page import Page, Place
from backdesk.worker.store.calls import CallBuilder, flag, optional, text
from backdesk.worker.store.moments import moment
from backdesk.worker.store.records import ROW_FIELDS, read_row, told_ask
from backdesk.worker.store.scripts import Call, load_script

T = TypeVar("T")

#: Entries that one call looks at to find what fits.
MOST_LOOKED_AT = 2000
#: Of a request, what is read for a row, in bytes.
LONGEST_BEGINNING = 1024
#: What the places of asks without a deadline begin at, in ms (`asking.lua`).
_AT_ANY_TIME = 10**14


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are meant. `code` and `category` are those of the error; without `replayed`, only the open ones."""

    state: JobState | None = None
    tenant: str | None = None
    kind: str | None = None
    code: str | None = None
    category: str | None = None
    #: When it has entered its state at the earliest, in ms.
    since_ms: int | None = None
    replayed: bool = True

    def fits(self, job: JobFacts) -> bool:
        """Whether a job is meant, but for its age."""
        return (
            self.state in {None, job.state}
            and self.tenant in {None, job.tenant}
            and self.kind in {None, job.kind}
            and self.code in {None, job.error and job.error.code}
            and self.category in {None, job.error and job.error.category}
            and (self.replayed or job.replayed_as is None)
        )


class ListingCalls(CallBuilder):
    """Builds the calls that list; each changes nothing."""

    def asks(
        self, tenant: str | None, kind: str | None, within_ms: int | None, after: Place, limit: int
    ) -> Call[Page[OpenAsk]]:
        """Read what jobs ask of people, the most urgent first: of a tenant, of a kind, to be answered within a time."""
        return self._call(
            "asks",
            lambda reply: _read_asks(reply, limit),
            tenant=tenant or "",
            kind=kind or "",
            within_ms=optional(within_ms),
            score=after.score,
            member=after.member,
            limit=limit,
            most=MOST_LOOKED_AT,
        )

    def jobs(self, meant: JobFilter, after: Place, limit: int) -> Call[Page[tuple[Place, str]]]:
        """Find jobs that fit, the newest first; gives their places and ids."""
        return self._list(meant, after, limit, (), text)

    def rows(self, meant: JobFilter, after: Place, limit: int) -> Call[Page[tuple[Place, JobRow]]]:
        """Find jobs that fit, the newest first; gives their places and rows."""
        return self._list(meant, after, limit, ROW_FIELDS, _read_row)

    def _list(
        self, meant: JobFilter, after: Place, limit: int, fields: Sequence[str], read: Callable[..., T]
    ) -> Call[Page[tuple[Place, T]]]:
        return self._call(
            "list",
            lambda reply: _read_page(reply, limit, read),
            fields,
            state=meant.state or "",
            tenant=meant.tenant or "",
            kind=meant.kind or "",
            code=meant.code or "",
            category=meant.category or "",
            since_ms=optional(meant.since_ms),
            open=flag(not meant.replayed),
            score=after.score,
            member=after.member,
            limit=limit,
            most=MOST_LOOKED_AT,
            longest=LONGEST_BEGINNING,
        )


def _read_page(reply: list[Any], limit: int, read: Callable[..., T]) -> Page[tuple[Place, T]]:
    its = load_script("list").signature.named(reply)
    place = Place(text(its.score), text(its.member))
    found = [(Place(text(score), text(job_id)), read(job_id, *values)) for score, job_id, *values in its.jobs]
    return Page(found, place.cursor, its.looked_at, its.of, complete=not place.score or len(found) >= limit)


def _read_row(job_id: bytes, *values: bytes | None) -> JobRow:
    return read_row(text(job_id), values, LONGEST_BEGINNING)


def _read_asks(reply: list[Any], limit: int) -> Page[OpenAsk]:
    its = load_script("asks").signature.named(reply)
    place, asks = Place(text(its.score), text(its.member)), [_read_ask(*each) for each in its.asks]
    return Page(asks, place.cursor, its.looked_at, its.of, complete=not place.score or len(asks) >= limit)


def _read_ask(job_id: bytes, tenant: bytes, kind: bytes, score: bytes, entry: bytes) -> OpenAsk:
    ask = told_ask(entry)
    return OpenAsk(
        job_id=text(job_id),
        tenant=text(tenant),
        kind=text(kind),
        ask=ask,
        asked_at=_asked_at(int(float(score)), ask.expires_in_s),
    )


def _asked_at(place_ms: int, expires_in_s: float | None) -> datetime:
    if place_ms >= _AT_ANY_TIME:
        return moment(place_ms - _AT_ANY_TIME)
    return moment(place_ms) - timedelta(seconds=expires_in_s or 0)
