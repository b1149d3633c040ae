"""The calls that list what there is by its indexes, a page at a time. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from backdesk.worker.model.asks import OpenAsk
from backdesk.worker.model.page import Page, Place
from backdesk.worker.store.calls import CallBuilder, optional, text
from backdesk.worker.store.jobs import moment
from backdesk.worker.store.records import told_ask
from backdesk.worker.store.scripts import Call, load_script

#: Entries that one call looks at to find what fits.
MOST_LOOKED_AT = 2000
#: What the places of asks without a deadline begin at, in ms (`asking.lua`).
_AT_ANY_TIME = 10**14


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
