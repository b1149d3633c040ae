"""How full Redis is, by what it tells of its memory. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def nearly_full(info: Mapping[str, Any], reserve: float) -> tuple[int, int] | None:
    """Return the bytes that are used, and those over which no new jobs are taken; None when there is room for some.

    `info` is the section `memory` of INFO, and `reserve` the part of `maxmemory` that is kept for jobs that are there.
    """
    most = int(info.get("maxmemory", 0))
    # What Redis itself compares with maxmemory.
    used = int(info.get("used_memory", 0)) - int(info.get("mem_not_counted_for_evict", 0))
    limit = int(most * (1 - reserve))
    return (used, limit) if most and used > limit else None
