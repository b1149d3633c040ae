"""Following a job over HTTP: one stream, taken up where it broke off."""

from __future__ import annotations

import time
from asyncio import sleep
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Self
from urllib.parse import quote

from backdesk.client.aio.gateway import AsyncGateway
from backdesk.client.aio.watch import AsyncWatch
from backdesk.client.operations.cursor import Cursor
from backdesk.client.operations.patience import Patience
from backdesk.client.over_http.transport import PAUSE_S, STREAM_SILENCE_S, passes
from backdesk.worker.errors import JobNotFound, StoreUnavailable
from backdesk.worker.model.events import JobEvent

_DATA = "data: "


class AsyncHttpWatch(AsyncWatch):
    """The events of one job, in order, each once. Iterate once, with `async for`.

    Opened by `async with` it is connected from the beginning of the block, if the job is there by then; else once it is
    iterated. A gateway that is away is waited for as Redis is, if this client has ever reached it.
    """

    def __init__(
        self,
        gateway: AsyncGateway,
        job_id: str,
        ended: Callable[[], Awaitable[bool]],
        after: int,
        *,
        deadline: float | None,
        patience_s: float,
    ) -> None:
        self._gateway = gateway
        self._ended = ended
        self._path = f"/v1/jobs/{quote(job_id, safe='')}/events"
        self._cursor = Cursor(after)
        self._deadline = deadline
        self._patience_s = patience_s
        self._closed = self._told = False
        self._lines: AsyncGenerator[str] | None = None

    async def __aenter__(self) -> Self:
        lines = self._opened()
        with suppress(JobNotFound, StoreUnavailable):  # it may be submitted, or back, by the time this is iterated
            async for _ in lines:
                self._lines = lines
                break
        return self

    async def close(self) -> None:
        """End it. Idempotent."""
        self._closed = True
        lines, self._lines = self._lines, None
        if lines is not None:
            await lines.aclose()

    async def __aiter__(self) -> AsyncIterator[JobEvent]:
        patience = self._new_patience()
        while not (self._closed or self._cursor.done or self._left() <= 0):
            try:
                async with aclosing(self._connected()) as events:
                    async for event in events:
                        patience = self._new_patience()
                        yield event
                if not self._cursor.done and not self._told:
                    # There was nothing behind the event that it was to begin at; or the gateway is ending.
                    if await self._ended():
                        return
                    await sleep(PAUSE_S)
            except StoreUnavailable as error:
                if not self._gateway.reached:
                    raise
                if self._left() > 0:
                    await sleep(patience.pause_after(error))

    async def _connected(self) -> AsyncGenerator[JobEvent]:
        self._told = False
        lines, self._lines = self._lines or self._opened(), None
        async with aclosing(lines):
            async for line in lines:
                if self._closed or self._left() <= 0:
                    return
                if line.startswith(_DATA):
                    told = JobEvent.model_validate_json(line.removeprefix(_DATA))
                    for event in self._cursor.take([told]):
                        self._told = True
                        yield event

    def _opened(self) -> AsyncGenerator[str]:
        return self._gateway.lines(self._path, self._cursor.seq, self._left())

    def _left(self) -> float:
        return STREAM_SILENCE_S if self._deadline is None else self._deadline - time.monotonic()

    def _new_patience(self) -> Patience:
        return Patience(self._patience_s, self._deadline, passes=passes)
