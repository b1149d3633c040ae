"""How followers in threads wait for what the hub hears. It has an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any
from weakref import finalize

from redis.exceptions import TimeoutError as RedisTimeoutError

from backdesk.client.channels.hub import Hub
from backdesk.client.channels.inbox import Inbox
from backdesk.worker.store.connection import connect_async

#: How long the end of the thread is waited for. Seconds.
JOIN_S = 5.0


class Follower:
    """Somebody who follows a channel; see `Channels`. Nothing is held up by one who does not listen."""

    def __init__(self, engine: _Engine, channel: bytes) -> None:
        self._engine = engine
        self._channel = channel
        self._inbox = Inbox()
        self._stirred = threading.Condition()
        engine.call(lambda hub: hub.add(channel, self))

    def standing(self, timeout_s: float) -> None:
        """Wait until the subscription stands. Raises what keeps it from that, and redis-py's TimeoutError."""
        with self._stirred:
            if not self._stirred.wait_for(lambda: self._inbox.settled, timeout_s):
                raise RedisTimeoutError(f"no subscription within {timeout_s:g} s")
            self._inbox.check()

    def next(self, timeout_s: float) -> bytes | None:
        """Return the next message; None after that much silence, or when something was missed: then look it up."""
        with self._stirred:
            self._stirred.wait_for(lambda: self._inbox.ready, timeout_s)
            return self._inbox.take()

    def clear(self) -> None:
        """Forget what was heard so far: all of it is about to be looked up."""
        with self._stirred:
            self._inbox.clear()

    def close(self) -> None:
        """Follow no more. Idempotent."""
        self._engine.call(lambda hub: hub.remove(self._channel, self))

    def hear(self, message: bytes) -> None:
        with self._stirred:
            self._inbox.hear(message)
            self._stirred.notify_all()

    def stand(self) -> None:
        with self._stirred:
            self._inbox.stand()
            self._stirred.notify_all()

    def fail(self, error: Exception) -> None:
        with self._stirred:
            self._inbox.fail(error)
            self._stirred.notify_all()


class Channels:
    """The channels of one Redis, for any number of followers by one connection; each process has its own."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        # By process: after a fork the thread of the parent is not there, and its locks may be held for ever.
        self._engines: dict[int, _Engine] = {}
        finalize(self, _close_own, self._engines)

    def follow(self, channel: str) -> Follower:
        """Follow a channel; close what is returned. Waits for nothing."""
        engine = self._engines.setdefault(os.getpid(), _Engine(self._url, self._timeout_s))
        return Follower(engine, channel.encode())

    def close(self) -> None:
        """End the subscription of this process; who follows is told by StoreUnavailable. Idempotent."""
        _close_own(self._engines)


def _close_own(engines: dict[int, _Engine]) -> None:
    if (engine := engines.pop(os.getpid(), None)) is not None:
        engine.close()


class _Engine:
    """A thread with an event loop and the hub on it. Begins with the first call."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._closed = False
        self._runs: tuple[asyncio.AbstractEventLoop, Hub, threading.Thread] | None = None

    def call(self, does: Callable[[Hub], Any]) -> None:
        """Have something done by the hub, soon and in the order of the calls; nothing once it is closed."""
        if os.getpid() != self._process:
            return
        with self._lock:
            if self._closed:
                return
            loop, hub, _ = self._runs = self._runs or self._start()
            loop.call_soon_threadsafe(does, hub)

    def close(self) -> None:
        """End the thread. Idempotent."""
        with self._lock:
            runs, self._runs, self._closed = self._runs, None, True
        if runs is not None:
            loop, _, thread = runs
            loop.call_soon_threadsafe(loop.stop)
            if thread is not threading.current_thread():
                thread.join(JOIN_S)

    def _start(self) -> tuple[asyncio.AbstractEventLoop, Hub, threading.Thread]:
        loop, hub = asyncio.new_event_loop(), Hub(connect_async(self._url, self._timeout_s))
        thread = threading.Thread(target=_run, args=(loop, hub), name="backdesk-channels", daemon=True)
        thread.start()
        return loop, hub, thread


def _run(loop: asyncio.AbstractEventLoop, hub: Hub) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(hub.close())
    finally:
        loop.close()
