"""What a place for blobs can do: objects under keys, which appear whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from backdesk.worker.blobs.keys import owner_in

#: Bytes that are read, encrypted and written at once.
CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """An object: its key, how many bytes it has, and when it was written, in seconds of the epoch."""

    key: str
    bytes: int
    at: float


class Incoming(Protocol):
    """An object that is being written, and that nobody sees before it is kept."""

    def write(self, data: bytes, /) -> object:
        """Add to it."""

    def keep(self, key: str, headers: Mapping[str, str]) -> None:
        """Have it appear under a key, whole and durable, in the place of what is there."""


class Objects(Protocol):
    """Objects in a place that producers and workers share. Raises BlobStoreUnavailable from everything."""

    #: The place, without user and password.
    where: str

    def incoming(self) -> AbstractContextManager[Incoming]:
        """Begin an object; what was not kept by the end of the block is gone."""

    def read(self, key: str) -> Iterator[bytes]:
        """Give the bytes of an object, about `CHUNK` at once; raises FileNotFoundError before the first."""

    def copy(self, key: str, to: str) -> None:
        """Have the same bytes under another key; raises FileNotFoundError."""

    def list(self, prefix: str, after: str = "") -> Iterator[Kept]:
        """Give what there is under a prefix, which ends with a slash, in an order that is always the same.

        With `after` only what comes after this key, which may be gone, in that order.
        """

    def delete(self, key: str) -> None:
        """Forget an object, or all that is under a prefix, which ends with a slash. Idempotent."""

    def folders(self) -> Sequence[str]:
        """Return how the keys begin up to their first slash."""

    def link(self, key: str, seconds: int) -> str | None:
        """Return an address from which anybody can read the object for so long; None where there is none such."""

    def tidy(self) -> None:
        """Remove what was never kept."""


def by_owner(blobs: Iterable[Kept]) -> dict[str, Kept]:
    """Put together what belongs to the same owner, by `<hashed tenant>/<owner>`."""
    found: dict[str, Kept] = {}
    for each in blobs:
        if owner := owner_in(each.key):
            before = found.get(owner, Kept(owner, 0, 0))
            found[owner] = Kept(owner, before.bytes + each.bytes, max(before.at, each.at))
    return found
