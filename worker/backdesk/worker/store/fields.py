"""The fields of a record, whoever has written them: what cannot be read is told, and keeps nobody from the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from backdesk.worker.text.json import Unreadable, decode, printable

T = TypeVar("T")
D = TypeVar("D")

log = logging.getLogger(__name__)


class Fields:
    """The fields of a hash, read one by one; what cannot be read is told and stands for nothing."""

    def __init__(self, raw: Mapping[str, bytes]) -> None:
        self.raw = raw
        self.unreadable: dict[str, Unreadable] = {}

    def read(self, name: str, read: Callable[[bytes], T]) -> T | None:
        """Return the value of a field, None when it has none."""
        return self.demand(name, read, None) if self.raw.get(name) else None

    def demand(self, name: str, read: Callable[[bytes], T], otherwise: D) -> T | D:
        """Return the value of a field that must be there, or what stands for it."""
        raw = self.raw.get(name)
        if raw is None:
            self.unreadable[name] = Unreadable(reason="missing")
            return otherwise
        try:
            return read(raw)
        except Exception as error:  # noqa: BLE001 - anything may stand in a record that was written by hand
            self.unreadable[name] = Unreadable.of(raw, error)
            return otherwise


def read_object(encoded: bytes) -> dict[str, Any]:
    """Return a JSON object; raises ValueError for any other value."""
    value = decode(encoded)
    if not isinstance(value, dict):
        raise ValueError(f"is no object, but {type(value).__name__}")  # noqa: TRY004 - malformed data, as any other
    return value


def readable(kept: Iterable[tuple[str | bytes, bytes]], read: Callable[[bytes], T]) -> Iterator[T]:
    """Return what can be read of things that are kept by name; the others are left out, with a warning in the log."""
    for name, raw in kept:
        try:
            yield read(raw)
        except ValueError as error:
            # Not the text: it may hold what must not stand in a log.
            reason = Unreadable.of(b"", error).reason
            log.warning("unreadable_left_out", extra={"item": printable(name), "reason": reason})
