"""Fetching a file from an address that somebody outside has named.

Each step of the way, redirects included, must be https, on a host that is allowed, and outside of private networks.
Neither the size nor the pace is the sender's to say.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from urllib.parse import SplitResult, urljoin, urlsplit

from backdesk.platform.http_connection import connected, target_of
from backdesk.platform.public_address import PrivateAddress

MOST_REDIRECTS = 3
STEP_S, WHOLE_S = 10.0, 60.0
_PIECE = 65_536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: What may be otherwise the next time: too many requests, and faults of the server.
_PASSING = frozenset({408, 425, 429}) | frozenset(range(500, 600))
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "backdesk"}


class DownloadRefused(Exception):
    """A file is not fetched from there, now or later: the address is not allowed, or what it leads to is not."""


@dataclass(frozen=True, slots=True)
class Sources:
    """From where files are fetched: hosts by pattern, as `*.example.com`, none for all; and whether private ones."""

    hosts: Sequence[str] = ()
    private: bool = False

    def check(self, parts: SplitResult) -> None:
        """Raise DownloadRefused for an address that is not among them, as far as it tells."""
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise DownloadRefused("leads to an address that is not https://")
        if self.hosts and not any(fnmatch(parts.hostname, pattern.lower()) for pattern in self.hosts):
            raise DownloadRefused(f"is on {parts.hostname}, which BACKDESK_ATTACHMENT_HOSTS does not list")


def download(url: str, most_bytes: int, sources: Sources) -> bytes:
    """Return what is at an address. Blocks. Raises DownloadRefused, and OSError for what another time may be there."""
    ends = time.monotonic() + WHOLE_S
    for _ in range(MOST_REDIRECTS + 1):
        try:
            found = _ask(url, most_bytes, sources, ends)
        except PrivateAddress as error:
            raise DownloadRefused(f"leads to a private network: {error.host}") from None
        if isinstance(found, bytes):
            return found
        url = urljoin(url, found)
    raise DownloadRefused(f"is redirected more than {MOST_REDIRECTS} times")


def _ask(url: str, most_bytes: int, sources: Sources, ends: float) -> bytes | str:
    """Return what is at an address, or to where that redirects."""
    parts = urlsplit(url)
    sources.check(parts)
    with connected(parts, private=sources.private, timeout_s=STEP_S) as connection:
        connection.request("GET", target_of(parts), headers=_HEADERS)
        answer = connection.getresponse()
        if answer.status in _REDIRECTS:
            return answer.getheader("Location") or ""
        if answer.status in _PASSING:
            raise ConnectionError(f"{parts.hostname} answered with status {answer.status}")
        if answer.status != 200:
            raise DownloadRefused(f"is not there: {parts.hostname} answered with status {answer.status}")
        if answer.getheader("Content-Encoding", "identity").lower() != "identity":
            raise DownloadRefused("is sent compressed, though that was not asked for")
        return _read(answer, most_bytes, ends)


def _read(answer: http.client.HTTPResponse, most_bytes: int, ends: float) -> bytes:
    data = bytearray()
    while piece := answer.read1(_PIECE):
        data += piece
        if len(data) > most_bytes:
            raise DownloadRefused(f"has more than {most_bytes} bytes, the limit (BACKDESK_MAX_ATTACHMENT_BYTES)")
        if time.monotonic() > ends:
            raise TimeoutError(f"it takes more than {WHOLE_S:.0f} s")
    if answer.length:
        raise ConnectionError("it broke off before its end")
    return bytes(data)
