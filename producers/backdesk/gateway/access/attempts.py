"""How often addresses have failed to sign in."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from backdesk.gateway.errors import TooManyAttempts

#: Failures are counted for so many seconds.
WINDOW_S = 60.0
#: Addresses that are remembered.
MOST_ADDRESSES = 10_000


class Attempts:
    """The failures of this process. Nobody finds a secret by trying; this bounds what trying costs."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        #: Of each address how many, and when they began to be counted; the oldest first.
        self._failed: dict[str, tuple[int, float]] = {}

    def check(self, address: str) -> None:
        """Raise TooManyAttempts for an address that has to wait."""
        count, since = self._failed.get(_block(address), (0, 0.0))
        left = since + WINDOW_S - self._clock()
        if count >= self._most and left > 0:
            raise TooManyAttempts(math.ceil(left))

    def fail(self, address: str) -> None:
        """Count a failure."""
        block, now = _block(address), self._clock()
        count, since = self._failed.get(block, (0, now))
        if now - since >= WINDOW_S:
            del self._failed[block]
            count, since = 0, now
        self._failed[block] = (count + 1, since)
        if len(self._failed) > MOST_ADDRESSES:
            del self._failed[next(iter(self._failed))]


def _block(address: str) -> str:
    """Return what is counted as one: who has an address of IPv6 has 2^64 of them."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else address
