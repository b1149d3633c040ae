"""One POST to an address that somebody outside has named: to the very address that was checked, and to no other.

Redirects are not followed. What a receiver answers besides its status and Retry-After is of no interest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2

from backdesk.platform.guarded_network import GuardedBackend, Resolve, resolve
from backdesk.platform.network import DirectTransport, trusted
from backdesk.platform.public_address import PrivateAddress
from backdesk.worker.attempt.http_status import seconds_until
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

TIMEOUT_S = 15.0
#: What is read of an answer, so that its connection ends well.
MOST_READ = 65_536
#: The longest pause that a receiver is granted. Seconds.
LONGEST_PAUSE_S = 86_400.0
#: The pause after one of these that does not say for how long. Seconds.
PAUSE_S = 5.0
GONE = 410
_SLOW_DOWN = frozenset({429, 502, 503, 504})
_HEADERS = {"content-type": "application/json", "user-agent": "backdesk-webhooks/1"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or 0 and why there is none. `refused` says that the address is not to be asked."""

    status: int
    retry_after: str = ""
    error: str = ""
    refused: bool = False

    @property
    def slows_down(self) -> bool:
        """Whether the receiver wants fewer deliveries for a while."""
        return self.status in _SLOW_DOWN

    def failure(self) -> TaskError | None:
        """Return why this is no receipt; None if it is one."""
        if 200 <= self.status < 300:
            return None
        if self.refused:
            return TaskError("http_refused", self.error, category=Category.VALIDATION)
        if not self.status:
            return TaskError("http_unreachable", self.error, category=Category.NETWORK, transient=True)
        message = f"the receiver answered with status {self.status}{_ADVICE.get(self.status // 100, '')}"
        if self.status == GONE:
            return TaskError("http_410", message, category=Category.VALIDATION)
        category = Category.RATE_LIMIT if self.slows_down else Category.NETWORK
        wait_s = self._pause_s() if self.slows_down else None
        return TaskError(f"http_{self.status}", message, category=category, transient=True, retry_after_s=wait_s)

    def _pause_s(self) -> float:
        asked = seconds_until(self.retry_after, datetime.now(UTC)) if self.retry_after else None
        return PAUSE_S if asked is None else min(asked, LONGEST_PAUSE_S)


_ADVICE = {3: ": redirects are not followed, name where it is now"}


async def send(
    url: str, body: bytes, headers: Mapping[str, str], *, private: bool, resolve: Resolve = resolve
) -> Answer:
    """Send a body within `TIMEOUT_S`, and return what came of it. Raises nothing but CancelledError."""
    if not private and not url.startswith("https://"):
        return Answer(0, error="webhooks go by https alone, unless BACKDESK_WEBHOOK_PRIVATE allows http", refused=True)
    network = GuardedBackend(private=private, resolve=resolve)
    transport = DirectTransport(trusted(), httpx2.Limits(max_keepalive_connections=0), network)
    try:
        async with asyncio.timeout(TIMEOUT_S), httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            return await _post(client, url, body, headers)
    except TimeoutError:
        return Answer(0, error=f"no answer within {TIMEOUT_S:g} s")
    except PrivateAddress as error:
        return Answer(0, error=f"{error}; BACKDESK_WEBHOOK_PRIVATE=1 allows that", refused=True)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        return Answer(0, error=f"{type(error).__name__}: {error}"[:500])


async def _post(client: httpx2.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    sent = {**_HEADERS, **headers}
    async with client.stream("POST", url, content=body, headers=sent, timeout=TIMEOUT_S) as answer:
        read = 0
        async for piece in answer.aiter_raw():
            read += len(piece)
            if read > MOST_READ:
                break
        return Answer(answer.status_code, retry_after=answer.headers.get("retry-after", ""))
