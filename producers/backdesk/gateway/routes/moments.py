"""Moments and spans as they stand in queries."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Query

from backdesk.worker.errors import InvalidRequest

SINCE = "A moment (ISO 8601, without a zone UTC), or how many seconds ago."
Since = Annotated[str | None, Query(description=SINCE)]
#: The longest span that means anything. Seconds.
LONGEST_S = 100 * 366 * 86_400.0


def moment(text: str | None, field: str = "since") -> datetime | timedelta | None:
    """Return what is meant: a moment, a span, or nothing. Raises InvalidRequest."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return _read(text, field)
    if not 0 <= seconds <= LONGEST_S:
        raise InvalidRequest(field, f"{text!r} must be a number of seconds, from 0 on")
    return timedelta(seconds=seconds)


def _read(text: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(field, f"{text!r} is neither a moment such as 2026-01-31T08:00Z nor seconds") from None
