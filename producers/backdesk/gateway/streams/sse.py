"""Server-sent events: frames, and the response that sends them.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backdesk.worker.text.json import encode

logger = logging.getLogger(__name__)

#: The extension of a scope by which a connection is ended at once: a close would wait for what was not taken.
ABORT = "backdesk.abort"
#: What keeps a connection open through which nothing goes. Clients pass over comments.
HEARTBEAT = b": \n\n"
#: What ends a stream for clients of OpenAI, and those of others that have it from there.
DONE = b"data: [DONE]\n\n"
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
    """A response that sends frames as they come.

    The iterator has a heartbeat of its own, in silence. A client that takes nothing for `send_timeout_s` is cut off;
    when it has gone the iteration ends at once, and what it holds is let go. `when_gone` is awaited for a client that
    went before the end, and `when_over` called in any case, also before anything was sent.
    """

    def __init__(
        self,
        frames: AsyncGenerator[bytes],
        *,
        send_timeout_s: float,
        headers: Mapping[str, str] | None = None,
        when_gone: Callable[[], Awaitable[object]] | None = None,
        when_over: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(None, 200, {**HEADERS, **(headers or {})}, "text/event-stream")
        del self.headers["content-length"]
        self._frames = frames
        self._send_timeout_s = send_timeout_s
        self._when_gone = when_gone
        self._when_over = when_over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.current_task()
        assert sending is not None  # noqa: S101 - coroutines run in tasks
        going = asyncio.ensure_future(_gone(receive, sending))
        try:
            await self._send_all(send)
        except TimeoutError:
            logger.info("slow_client_cut_off")
            scope.get("extensions", {}).get(ABORT, _leave)()
        except asyncio.CancelledError:
            if not going.done():
                raise
            sending.uncancel()
            if self._when_gone is not None:
                await self._when_gone()
        finally:
            going.cancel()
            if self._when_over is not None:
                self._when_over()

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with aclosing(self._frames) as frames:
            async for data in frames:
                # The bound is that of a write which waits for the client; none is set for one that does not.
                async with asyncio.timeout(self._send_timeout_s):
                    await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _leave() -> None:
    """Leave the connection to the server, which closes it once all was taken."""


async def _gone(receive: Receive, sending: asyncio.Task[None]) -> None:
    """Stop sending once the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    sending.cancel()
