"""What a blob is made of, in pieces that are encrypted and written at once."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from backdesk.worker.blobs.objects import CHUNK, Incoming
from backdesk.worker.blobs.sealing import Sealing

Source = bytes | bytearray | memoryview | Path | BinaryIO | Iterable[bytes]


def pieces_of(source: Source) -> Iterator[bytes]:
    """Give the bytes of a source. Raises OSError for a file that cannot be read."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield from pieces_of(file)
    elif isinstance(source, bytes | bytearray | memoryview):
        yield from pieces_of(io.BytesIO(source))
    elif hasattr(source, "read"):
        while piece := source.read(CHUNK):
            yield piece
    else:
        yield from source


def write(incoming: Incoming, pieces: Iterable[bytes], sealing: Sealing | None) -> None:
    """Write all pieces to an object, encrypted where that is wanted."""
    for piece in pieces:
        incoming.write(sealing.update(piece) if sealing else piece)
    if sealing:
        incoming.write(sealing.finish())
