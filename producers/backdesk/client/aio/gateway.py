"""A client's connection to a gateway."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import AsyncGenerator
from typing import Any

from backdesk.client.operations.operation import HttpAnswer, HttpRequest
from backdesk.client.over_http.errors import Unserved
from backdesk.client.over_http.transport import (
    ATTEMPTS,
    PAUSE_S,
    STREAM_SILENCE_S,
    answer_of,
    library,
    options_of,
    sent,
    unreachable,
)


class AsyncGateway:
    """Sends requests to the gateway at `url`, with a `key`. A request that a broken connection has lost is repeated."""

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        self._http = library()
        self._url = url
        self._timeout_s = timeout_s
        #: Whether it has ever answered well: if so, its address is right, and it is worth waiting for.
        self.reached = False
        self._client: Any = self._http.AsyncClient(**options_of(url, key))

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        await self._client.aclose()

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """Return a good answer. Raises StoreUnavailable, and the error that another answer tells."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = await self._client.request(**sent(request, self._timeout_s))
                answer = answer_of(response.status_code, response.content, self._url)
            except self._http.TransportError as error:
                if attempt == ATTEMPTS:
                    raise unreachable(self._url, error) from Unserved()
                await sleep(PAUSE_S * attempt)
            else:
                self.reached = True
                return answer
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def lines(self, path: str, after: int, wait_s: float) -> AsyncGenerator[str]:
        """Yield the lines of a stream behind an event, none once there are no more. Raises as `answer`.

        A silence of `wait_s` seconds, or one longer than any heartbeat, is a broken connection.
        """
        timeout = self._http.Timeout(self._timeout_s, read=max(min(wait_s, STREAM_SILENCE_S), 0.001))
        headers = {"accept": "text/event-stream"}
        query = {"after": str(after)}
        try:
            async with self._client.stream("GET", path, params=query, headers=headers, timeout=timeout) as response:
                if response.status_code >= 300:
                    answer_of(response.status_code, await response.aread(), self._url)
                self.reached = True
                async for line in response.aiter_lines():
                    yield line
        except self._http.TransportError as error:
            raise unreachable(self._url, error) from Unserved()
