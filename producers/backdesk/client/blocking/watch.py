"""Following a job: first the log, then the channel, so that who joins late misses nothing and sees nothing twice."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from typing import Self

from backdesk.client.blocking.following import Following
from backdesk.client.operations.cursor import Cursor
from backdesk.worker.model.events import JobEvent
from backdesk.worker.store.records import read_message

#: Reads the log beyond an event number; says too whether the job has ended.
Read = Callable[[int], tuple[list[JobEvent], bool]]


class Watch:
    """The events of one job, in order, each once. Iterate once, with `for`.

    It survives lost connections, and a Redis that is away for no longer than BACKDESK_OUTAGE_PATIENCE_S.
    """

    def __init__(self, following: Following, read: Read, after: int) -> None:
        self._following = following
        self._read = read
        self._cursor = Cursor(after)

    def __enter__(self) -> Self:
        self._following.subscribe()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the subscription. Idempotent."""
        self._following.close()

    def __iter__(self) -> Iterator[JobEvent]:
        try:
            while not self._cursor.done and self._following.left() > 0:
                # First the subscription, then the log: what happens in between is in both, never in neither.
                self._following.follow()
                logged, ended = self._following.look(partial(self._read, self._cursor.seq))
                for event in self._cursor.take(logged):
                    yield event
                if ended:
                    return
                with closing(self._live()) as live:
                    for event in live:
                        yield event
        finally:
            self.close()

    def _live(self) -> Generator[JobEvent]:
        """Hand on what the channel brings, until the log must be read: after silence, a gap or a lost connection."""
        while not self._cursor.done and (message := self._following.heard()) is not None:
            event = read_message(message)
            if event is None:
                return
            if self._cursor.follows(event):
                for taken in self._cursor.take([event]):
                    yield taken
            elif not self._cursor.seen(event):
                return
