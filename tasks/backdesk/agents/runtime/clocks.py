"""Moments that tools return in UTC, by the clocks of the shop: what an answer may say of them is held against those."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

_IN_UTC = re.compile(r"(?<!\d)\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|\+00:00)(?!\w)")


def by_clocks(text: str, zone: ZoneInfo) -> str:
    """Return a text or JSON with its moments in UTC by the clocks of a zone."""
    return _IN_UTC.sub(lambda found: _there(found[0], zone), text)


def _there(written: str, zone: ZoneInfo) -> str:
    try:
        return datetime.fromisoformat(written).astimezone(zone).isoformat()
    except (ValueError, OverflowError):  # 2026-13-45T99:00Z
        return written
