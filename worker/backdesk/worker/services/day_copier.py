"""Copies what jobs came to on a day to the archive, when the day is over: Redis keeps such figures for 40 days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import redis

from backdesk.worker.settings import Settings
from backdesk.worker.store.archive import Archive, ArchivedDay
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.remains import packed_hash

#: Days that Redis has figures of, today included.
DAYS_KEPT = 40
#: Hashes read in one round trip, and kept in one transaction, about.
AT_ONCE = 500
_DAY = timedelta(days=1)
#: A day is over when this has passed too: a clock may be set back a little.
_MARGIN = timedelta(minutes=10)


class DayCopier:
    """Copies one day after the other, and notes how far it has come. A day that is copied twice is there once."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client = client
        self._keys = Keys(settings.prefix)

    def copy(self, archive: Archive, now_ms: int) -> None:
        """Copy the next day that is over, if there is one. Idempotent."""
        day = self._next(now_ms)
        if day is None:
            return
        cursor: int | None = None
        while cursor != 0:
            listed = self._keys.stats_of_day(day)
            cursor, members = self._client.sscan(listed, cursor or 0, count=AT_ONCE)
            archive.keep_days(self._read(day, [text(member) for member in members]))
        self._client.hset(self._keys.archive, "copied_to", day)

    def _next(self, now_ms: int) -> str | None:
        today = (datetime.fromtimestamp(now_ms / 1000, UTC) - _MARGIN).date()
        last: Any = self._client.hget(self._keys.archive, "copied_to")
        oldest = today - (DAYS_KEPT - 1) * _DAY
        day = max(oldest, date.fromisoformat(text(last)) + _DAY) if last else oldest
        return day.isoformat() if day < today else None

    def _read(self, day: str, members: Sequence[str]) -> list[ArchivedDay]:
        """Return the figures of tenants with their kinds (`acme orders.audit`)."""
        pairs = [member.partition(" ")[::2] for member in members]
        with self._client.pipeline(transaction=False) as pipe:
            for tenant, kind in pairs:
                pipe.hgetall(self._keys.stats(day, tenant, kind))
            hashes: list[Any] = pipe.execute()
        found = zip(pairs, hashes, strict=True)
        return [ArchivedDay(day, tenant, kind, packed_hash(figures)) for (tenant, kind), figures in found if figures]
