"""A blob that is written part by part, and goes on after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backdesk.worker.blobs.keys import part_key, tenant_of
from backdesk.worker.blobs.objects import Objects
from backdesk.worker.blobs.sealing import Keyring
from backdesk.worker.blobs.source import Source, pieces_of, write
from backdesk.worker.errors import BlobNotFound
from backdesk.worker.model.blob import BINARY, BlobRef

if TYPE_CHECKING:
    from backdesk.worker.blobs.store import BlobStore


@dataclass(frozen=True, slots=True)
class Parts:
    """The numbered parts of a blob that is not whole yet: each is there or not, whatever crashed meanwhile.

    For what is larger than memory, or takes long: a writer that begins again asks which parts are `there`, writes the
    others, and composes them. Parts go by `discard`, or when their job has ended. Everything blocks.
    """

    store: BlobStore
    objects: Objects = field(repr=False)
    keys: Keyring = field(repr=False)
    deployment: str
    name: str
    tenant: str
    job: str

    def there(self) -> dict[int, int]:
        """Return the size of each part that is there, by its number, as it is kept: encryption makes it larger."""
        found = {int(each.key.rpartition("/")[2]): each.bytes for each in self.objects.list(self._prefix())}
        return dict(sorted(found.items()))

    def put(self, number: int, source: Source) -> None:
        """Keep a part, from 0, in the place of what is there under its number. Atomic."""
        key = self._key(number)
        with self.objects.incoming() as incoming:
            write(incoming, pieces_of(source), self.keys.sealing(tenant_of(self.tenant)))
            incoming.keep(key, {})

    def compose(self, count: int, *, media_type: str = BINARY, name: str = "") -> BlobRef:
        """Make one blob of the parts 0 to `count` - 1, which stay. Idempotent.

        Raises BlobNotFound when one of them is missing, and what `BlobStore.put` does.
        """
        return self.store.put(self.read(count), tenant=self.tenant, job=self.job, media_type=media_type, name=name)

    def read(self, count: int) -> Iterator[bytes]:
        """Give the bytes of the parts 0 to `count` - 1, in their order. Raises BlobNotFound when one is missing."""
        for number in range(count):
            chunks = self.objects.read(self._key(number))
            try:
                yield from self.keys.open(chunks, tenant_of(self.tenant)) if self.keys.writes else chunks
            except FileNotFoundError:
                raise BlobNotFound(f"part {number} of {self.name!r} of job {self.job} is missing") from None

    def discard(self) -> None:
        """Remove the parts, once the reference of what was composed is remembered. Idempotent."""
        self.objects.delete(self._prefix())

    def _prefix(self) -> str:
        return part_key(self.deployment, self.tenant, self.job, self.name, sealed=bool(self.keys.writes))

    def _key(self, number: int) -> str:
        return f"{self._prefix()}{number:08d}"
