"""What jobs ask of people, by when it is to be answered."""

from __future__ import annotations

from datetime import timedelta

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Operation
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.asks import OpenAsk
from backdesk.worker.model.page import Page, read_cursor
from backdesk.worker.store.listing import ListingCalls

#: Entries of one page.
MOST_LISTED = 1000

# Named here because inside the clients `list` is a method.
Asks = Page[OpenAsk]


class AskOperations:
    """The operations on what jobs ask of people."""

    def __init__(self, core: JobOperations) -> None:
        self._calls = ListingCalls(core.settings)

    def list(
        self, tenant: str | None, kind: str | None, within: timedelta | float | None, limit: int, cursor: str | None
    ) -> Operation[Asks]:
        """Return a page of them, the most urgent first."""
        call = self._calls.asks(tenant, kind, _milliseconds(within), read_cursor(cursor), checked_limit(limit))
        page: Asks
        (page,) = yield Calls([call])
        return page


def checked_limit(limit: int) -> int:
    """Return how much a page is to hold; raises InvalidRequest."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_LISTED:
        raise InvalidRequest("limit", f"{limit!r} must be a whole number from 1 to {MOST_LISTED}")
    return limit


def _milliseconds(within: timedelta | float | None) -> int | None:
    if within is None:
        return None
    try:
        span = within if isinstance(within, timedelta) else timedelta(seconds=within)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest("within", f"{within!r} must be a number of seconds, or a timedelta") from None
    return round(span.total_seconds() * 1000)
