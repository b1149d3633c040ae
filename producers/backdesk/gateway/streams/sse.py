"""Server-sent events: frames, and the response that sends them.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backdesk.worker.text.json import encode

#: What keeps a connection open through which nothing goes. Clients pass over comments.
HEARTBEAT = b": \n\n"
#: Proxies pass each frame on at once.
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def frame(data: object, *, event: str | None = None, id_: str | None = None) -> bytes:
    """Return one event; `data` is encoded as JSON, unless it is bytes of one line."""
    head = (f"id: {id_}\n" if id_ is not None else "") + (f"event: {event}\n" if event is not None else "")
    return b"%sdata: %s\n\n" % (head.encode(), data if isinstance(data, bytes) else encode(data))


def retry_after(milliseconds: int) -> bytes:
    """Return what tells a client how long to wait before it connects anew."""
    return b"retry: %d\n\n" % milliseconds


class EventStream(Response):
    """A response that sends frames as they come, with a heartbeat in silence.

    It is one task a client. A client that takes nothing for `send_timeout_s` is cut off, and one that has gone ends
    the iteration at once: `frames` is closed then, and whatever it holds is let go. `when_gone` is awaited for a client
    that went before the end.
    """

    def __init__(
        self,
        frames: AsyncIterator[bytes],
        *,
        heartbeat_s: float,
        send_timeout_s: float,
        headers: Mapping[str, str] | None = None,
        when_gone: Any = None,
    ) -> None:
        super().__init__(None, 200, {**HEADERS, **(headers or {})}, "text/event-stream")
        del self.headers["content-length"]
        self._frames = frames
        self._heartbeat_s = heartbeat_s
        self._send_timeout_s = send_timeout_s
        self._when_gone = when_gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        sending = asyncio.ensure_future(self._send_all(send))
        going = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait((sending, going), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done() and self._when_gone is not None:
                await self._when_gone()
        finally:
            for task in (sending, going):
                task.cancel()
            await asyncio.gather(sending, going, return_exceptions=True)
        if not sending.cancelled() and (error := sending.exception()) is not None:
            raise error

    async def _send_all(self, send: Send) -> None:
        async with aclosing(self._frames) as frames:  # type: ignore[type-var]  # an async generator, as all here are
            coming = asyncio.ensure_future(anext(frames, None))
            try:
                while True:
                    ready, _ = await asyncio.wait((coming,), timeout=self._heartbeat_s)
                    data = coming.result() if ready else HEARTBEAT
                    if data is None:
                        break
                    async with asyncio.timeout(self._send_timeout_s):
                        await send({"type": "http.response.body", "body": data, "more_body": True})
                    if ready:
                        coming = asyncio.ensure_future(anext(frames, None))
            finally:
                coming.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await coming
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
