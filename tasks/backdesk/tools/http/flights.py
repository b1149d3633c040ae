"""What many wait for is fetched once: by one task of this process, and by one process of the fleet.

Nobody depends on who fetches: when that one is cancelled or lost, the next in line does it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import zlib
from collections.abc import Awaitable, Callable

from backdesk.agents.desk import Desk
from backdesk.tools.http.address import RequestRefused
from backdesk.tools.http.fetch import Fetched
from backdesk.worker.errors import TaskError

_log = logging.getLogger(__name__)

#: How often one looks whether another process has fetched. Seconds.
POLL_S = 0.05
#: Largest answer that is kept, packed. Bytes.
MOST_KEPT = 256 * 1024
#: What is larger is packed and unpacked in a thread: a megabyte takes as long as hundreds of steps of other jobs.
MOST_ON_LOOP = 32 * 1024
#: How long nothing is left that was to be taken away. Seconds.
_GONE_S = 0.001
_flights: dict[tuple[int, str, str], asyncio.Future[Fetched]] = {}

Fetch = Callable[[], Awaitable[Fetched]]


async def kept_or_fetched(
    desk: Desk, key: str, fetch: Fetch, *, ttl_s: float, patience_s: float, public: bool = False
) -> tuple[Fetched, bool]:
    """Return what is kept under a key, and True; else what is fetched now, by whoever of those who ask, and False.

    Good answers are kept for `ttl_s`, for the tenant or for all if they are `public`. Another process is waited for as
    long as `patience_s`. Raises what `fetch` raises; those who wait are told the same.
    """
    if (known := await _kept(desk, key, public=public)) is not None:
        return known, True
    flight = (id(asyncio.get_running_loop()), "" if public else desk.tenant, key)
    while (under_way := _flights.get(flight)) is not None:
        await asyncio.wait([under_way])
        if not under_way.cancelled():
            return under_way.result(), False
    landing = _flights[flight] = asyncio.get_running_loop().create_future()
    try:
        found = await _alone(desk, key, fetch, ttl_s=ttl_s, patience_s=patience_s, public=public)
        landing.set_result(found)
    except (TaskError, RequestRefused) as error:
        landing.set_exception(error)
        landing.exception()  # nobody may wait for it
        raise
    finally:
        landing.cancel()  # what is one's own, as to be cancelled or to find no room, is told to nobody
        del _flights[flight]
    return found, False


async def _alone(desk: Desk, key: str, fetch: Fetch, *, ttl_s: float, patience_s: float, public: bool) -> Fetched:
    mark, ends = f"fetching {key}", time.monotonic() + patience_s
    while not await desk.shelf.cache(mark, b"1", patience_s, new=True, public=public):
        await asyncio.sleep(POLL_S)
        if (known := await _kept(desk, key, public=public)) is not None:
            return known
        if time.monotonic() > ends:
            break
    try:
        found = await fetch()
        if found.status < 300:
            await _keep(desk, key, found, ttl_s, public=public)
        return found
    finally:  # a call that is cancelled, too: who comes next shall not wait for nobody
        await desk.shelf.cache(mark, b"", _GONE_S, public=public)


async def _kept(desk: Desk, key: str, *, public: bool) -> Fetched | None:
    kept = await desk.shelf.cached(key, public=public)
    if kept is None:
        return None
    try:
        return await asyncio.to_thread(_unpacked, kept) if len(kept) > MOST_ON_LOOP else _unpacked(kept)
    except (KeyError, TypeError, ValueError, zlib.error):  # of another version
        return None


def _packed(found: Fetched) -> bytes:
    return zlib.compress(json.dumps(found.kept()).encode(), 1)


def _unpacked(kept: bytes) -> Fetched:
    return Fetched.of_kept(json.loads(zlib.decompress(kept)))


async def _keep(desk: Desk, key: str, found: Fetched, ttl_s: float, *, public: bool) -> None:
    # Redis is for small things: what is large is fetched again the next time.
    kept = await asyncio.to_thread(_packed, found) if len(found.body) > MOST_ON_LOOP else _packed(found)
    known = {"host": found.url.split("/")[2], "bytes": len(kept)}
    if len(kept) > MOST_KEPT:
        _log.warning("answer_not_cached", extra=known)
        return
    try:
        await desk.shelf.cache(key, kept, ttl_s, public=public)
    except ValueError as error:  # the deployment keeps less
        _log.warning("answer_not_cached", extra={**known, "reason": str(error)})
