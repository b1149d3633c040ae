"""What is looked up again and again while somebody watches it: once a process, however many they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from backdesk.worker.errors import BackdeskError
from backdesk.worker.text.json import encode


class Snapshot:
    """A value as JSON, read every `every_s` seconds while anybody follows it. Belongs to one event loop."""

    def __init__(self, read: Callable[[], Awaitable[object]], every_s: float) -> None:
        self._read = read
        self._every_s = every_s
        self._changed = asyncio.Condition()
        self._value: bytes | None = None
        self._followers = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def unfollowed(self) -> bool:
        """Whether nobody follows it now."""
        return not self._followers

    async def follow(self) -> AsyncGenerator[bytes]:
        """Yield the value, and each other that takes its place; those that come while nobody asks are passed over."""
        self._followers += 1
        if self._task is None:
            self._task = asyncio.ensure_future(self._keep())
        seen: bytes | None = None
        try:
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._value is not None and self._value != seen)  # noqa: B023 - asked for within this turn
                    seen = self._value
                assert seen is not None  # noqa: S101 - just waited for
                yield seen
        finally:
            self._followers -= 1
            if not self._followers and self._task is not None:
                self._task.cancel()
                self._task, self._value = None, None

    async def _keep(self) -> None:
        while True:
            try:
                value = encode(await self._read())
            except BackdeskError:  # an outage: what is known stands, and is read anew in a moment
                value = self._value or b"null"
            async with self._changed:
                self._value = value
                self._changed.notify_all()
            await asyncio.sleep(self._every_s)


class Snapshots:
    """The snapshots of a process, by name."""

    def __init__(self) -> None:
        self._kept: dict[str, Snapshot] = {}

    def of(self, name: str, read: Callable[[], Awaitable[object]], every_s: float) -> Snapshot:
        """Return the snapshot of this name; the first to ask says how it is read."""
        for other in [each for each, kept in self._kept.items() if each != name and kept.unfollowed]:
            del self._kept[other]
        return self._kept.setdefault(name, Snapshot(read, every_s))
