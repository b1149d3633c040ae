"""The log of a job: a list while the job goes on, one compressed string soon after its end if that is shorter.

Once a job has ended nothing is added to its log, so that whoever reads the list by pages and then finds the string in
its place goes on in that at the same position.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backdesk.worker.store.keys import Keys
from backdesk.worker.text.packing import packed_bytes, unpacked_bytes


def log_commands(keys: Keys, job_id: str, first: int = 0, last: int = -1) -> list[tuple[Any, ...]]:
    """Return the commands whose replies `log_entries` takes, for the entries from one position to another.

    In this order: a log that is packed between them is in both replies, never in neither.
    """
    return [("LRANGE", keys.events(job_id), first, last), ("GET", keys.log(job_id))]


def log_entries(listed: Sequence[bytes], kept: bytes | None, first: int = 0) -> list[bytes]:
    """Return the entries that were asked for, and of a log that is packed all beyond them, too."""
    return [*listed] if kept is None else unpacked_log(kept)[first:]


def packed_log(entries: Sequence[bytes]) -> bytes:
    """Return a log as it is kept in one string, byte by byte."""
    return packed_bytes(entries)


def unpacked_log(kept: bytes) -> list[bytes]:
    """Return the entries of a log that `packed_log` was given; none where nothing is kept."""
    entries: list[bytes] = unpacked_bytes(kept) if kept else []
    return entries
