"""When a rate lets the next job begin, reckoned from its bucket as `store/lua/limits.lua` does."""

from __future__ import annotations

from datetime import datetime

from backdesk.worker.model.tenancy import JobLimits, Rate
from backdesk.worker.store.moments import moment

#: A rate makes up for this much lateness, besides its burst. µs.
LATENESS_US = 150_000


def unbegun(scope: str) -> str:
    """Name what counts the jobs of a scope that are delivered and have not begun."""
    return f"unbegun {scope}"


def next_us(bucket: bytes | None, waiting: bytes | None, interval_us: float, burst: float, now_us: int) -> float:
    """Return the µs at which the next may be delivered: by the bucket, and by how many were and have not begun."""
    slack_us = max(LATENESS_US, (burst - 1) * interval_us)
    begins_us = max(min(float(bucket or 0), now_us + interval_us), now_us - slack_us)
    return begins_us + float(waiting or 0) * interval_us


def next_moment(limits: JobLimits, bucket: bytes | None, waiting: bytes | None, now_us: int) -> datetime | None:
    """Return when the next may be delivered, None when that is now or there is no rate."""
    if not isinstance(limits.rate, Rate):
        return None
    begins_us = next_us(bucket, waiting, limits.rate.interval_us, limits.burst or 1, now_us)
    return moment(round(begins_us / 1000)) if begins_us > now_us else None
