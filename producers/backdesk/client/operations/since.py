"""Since when something is asked for: a moment, or how long ago."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.store.moments import milliseconds

#: A moment (naive = UTC), or how long ago: seconds or a timedelta.
Since = datetime | timedelta | float
SINCE_MEANT = "a moment, or how long ago: a timedelta or seconds over 0"


def since_ms(field: str, when: Since, now_ms: int) -> int:
    """Return it as ms since 1970, from 0 on; raises InvalidRequest."""
    if isinstance(when, datetime):
        return max(milliseconds(when), 0)
    return max(now_ms - round(span_s(field, when, SINCE_MEANT) * 1000), 0)


def span_s(field: str, span: timedelta | float, meant: str) -> float:
    """Return a time over 0 in seconds; raises InvalidRequest, with what is `meant` to be given."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise InvalidRequest(field, f"{span!r} must be {meant}")
    return float(seconds)
