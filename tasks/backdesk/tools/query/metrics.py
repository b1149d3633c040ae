"""What a query has cost, as measured: by DuckDB's profile, and by the system for its process."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: Of the names here, what DuckDB's profile has them by.
_PROFILED = {
    "rows_read": ("query", "total_rows_scanned"),
    "bytes_read": ("io", "total_bytes_read"),
    "rows_of_all_steps": ("query", "total_intermediate_rows"),
    "peak_buffer_bytes": ("system", "peak_buffer_memory"),
    "spilled_bytes": ("system", "total_bytes_spilled"),
}


class Stopwatch:
    """What this process has used since the watch was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._cpu_s = _cpu_s()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    @property
    def cpu_s(self) -> float:
        return _cpu_s() - self._cpu_s


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def profiled(connection: DuckDBPyConnection) -> dict[str, int | float | None]:
    """Return what the last statement has read and held; null for what its profile does not tell."""
    try:
        profile: Any = json.loads(connection.get_profiling_information())
    except ValueError:
        profile = {}
    return {name: _number(profile, *path) for name, path in _PROFILED.items()}


def _number(profile: Any, group: str, name: str) -> int | float | None:
    found = profile.get(group) if isinstance(profile, Mapping) else None
    value = found.get(name) if isinstance(found, Mapping) else None
    return value if isinstance(value, int | float) else None


def peak_memory_bytes() -> int:
    """Return the most memory that this process has had, the program itself included."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
