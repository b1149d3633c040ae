"""How full Redis is, by what it tells of its memory. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def room(info: Mapping[str, Any], reserve: float) -> tuple[int, int]:
    """Return the bytes that are used, and those over which no new jobs are taken, 0 where Redis has no limit.

    `info` is the section `memory` of INFO, and `reserve` the part of `maxmemory` that is kept for jobs that are there.
    """
    # What Redis itself compares with maxmemory.
    used = int(info.get("used_memory", 0)) - int(info.get("mem_not_counted_for_evict", 0))
    return used, int(int(info.get("maxmemory", 0)) * (1 - reserve))


def nearly_full(info: Mapping[str, Any], reserve: float) -> tuple[int, int] | None:
    """Return what `room` does; None when there is room for new jobs."""
    used, limit = room(info, reserve)
    return (used, limit) if 0 < limit < used else None
