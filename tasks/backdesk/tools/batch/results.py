"""The results of a batch: lines of JSON in the order of the items, in a file of the job that outlives a crash."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from backdesk.worker.pipeline import Pipeline, Run

#: What is held in memory of them before it is written, at most.
MOST_HELD_BYTES = 1024 * 1024
MEDIA_TYPE = "application/x-ndjson"


class PartStore(Protocol):
    """Numbered parts, each there or not (`ctx.file_parts`); it blocks."""

    def put(self, number: int, source: bytes) -> None: ...


class Place(BaseModel):
    """Where a batch is: what the checkpoint of its job has. All before it is written, nothing behind it counts."""

    model_config = ConfigDict(extra="forbid")

    #: Items whose results are in parts, and how many parts these are.
    items: int = 0
    parts: int = 0
    failed: int = 0
    #: How many bytes these parts have.
    bytes: int = 0


class ResultFile:
    """Takes the lines of results; `keep` keeps the place when a part was written, and `apart` may block."""

    def __init__(
        self, parts: PartStore, place: Place, keep: Callable[[Place], Run], apart: Callable[[Callable[[], Any]], Run]
    ) -> None:
        self._parts = parts
        self._keep = keep
        self._apart = apart
        self._place = place
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._failed = 0

    @property
    def items(self) -> int:
        """Items whose results were taken, written or not."""
        return self._place.items + len(self._held)

    @property
    def failed(self) -> int:
        """How many of them have failed."""
        return self._place.failed + self._failed

    @property
    def full(self) -> bool:
        """Whether it is time to write, whatever the clock says."""
        return self._held_bytes >= MOST_HELD_BYTES

    @property
    def place(self) -> Place:
        """What was written."""
        return self._place

    def add(self, line: bytes, *, failed: bool) -> None:
        """Take the result of the next item."""
        self._held.append(line)
        self._held_bytes += len(line)
        self._failed += failed

    def write(self) -> Pipeline[None]:
        """Write what is held as the next part, and then keep the place behind it.

        A part without its place is written again by the next attempt, in the place of this one.
        """
        if not self._held:
            return
        yield self._apart(partial(self._parts.put, self._place.parts, b"".join(self._held)))
        written = self._place.bytes + self._held_bytes
        self._place = Place(items=self.items, parts=self._place.parts + 1, failed=self.failed, bytes=written)
        self._held, self._held_bytes, self._failed = [], 0, 0
        yield self._keep(self._place)
