"""The log of a job: lists while the job goes on, one compressed string soon after its end if that is shorter.

Once a job has ended nothing is added to its log, so that whoever reads the list by pages and then finds the string in
its place goes on in that at the same position. The string is lines of JSON: the events first, then each request that
the job has sent to a model, which says much of what the events say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json, to_json

from backdesk.worker.model.sent import Sent, unpack_sent
from backdesk.worker.store.keys import Keys
from backdesk.worker.text.packing import as_json, from_line, packed, unpacked
from backdesk.worker.text.personal import impersonal


def log_commands(keys: Keys, job_id: str, first: int = 0, last: int = -1) -> list[tuple[Any, ...]]:
    """Return the commands whose replies `log_entries` takes, for the entries from one position to another.

    In this order: a log that is packed between them is in both replies, never in neither.
    """
    return [("LRANGE", keys.events(job_id), first, last), ("GET", keys.log(job_id))]


def sent_commands(keys: Keys, job_id: str) -> list[tuple[Any, ...]]:
    """Return the commands whose replies `sent_requests` takes, in this order for the reason of `log_commands`."""
    return [("LRANGE", keys.sent(job_id), 0, -1), ("GET", keys.log(job_id))]


def log_entries(listed: Sequence[bytes], kept: bytes | None, first: int = 0) -> list[bytes]:
    """Return the entries that were asked for, and of a log that is packed all beyond them, too."""
    return [*listed] if kept is None else unpacked_log(kept)[first:]


def sent_requests(listed: Sequence[bytes], kept: bytes | None) -> list[Sent]:
    """Return the requests to models, whichever of the two has them."""
    return unpacked_sent(kept) if kept else unpack_sent(listed)


def packed_log(entries: Sequence[bytes], sent: Sequence[bytes] = ()) -> bytes:
    """Return events, byte by byte, and requests as they were listed, as they are kept in one string."""
    return packed(b"\n".join([as_json(entries), *map(to_json, unpack_sent(sent))]))


def masked_log(entries: Sequence[bytes]) -> list[bytes]:
    """Return events as they are kept masked: they repeat what a request says."""
    return [_masked(entry) for entry in entries]


def masked_kept(kept: bytes) -> bytes:
    """Return the same of a log that `packed_log` was given; its requests to models were masked as they were listed."""
    events, *sent = unpacked(kept).split(b"\n")
    return packed(b"\n".join([as_json(masked_log(from_line(events))), *sent]))


def _masked(entry: bytes) -> bytes:
    try:
        attempt, ms, event_type, data = from_json(entry)
    except ValueError:  # no event, as it was written by hand
        return entry
    kept = impersonal(data)
    return entry if kept == data else to_json([attempt, ms, event_type, kept])


def unpacked_log(kept: bytes) -> list[bytes]:
    """Return the events of a log that `packed_log` was given; none where nothing is kept."""
    entries: list[bytes] = from_line(unpacked(kept).partition(b"\n")[0]) if kept else []
    return entries


def unpacked_sent(kept: bytes) -> list[Sent]:
    """Return the requests to models of a log that `packed_log` was given."""
    return [from_json(line) for line in unpacked(kept).split(b"\n")[1:]]
