"""JSON kept small: compressed where that pays. What is kept tells by its first byte which it is."""

from __future__ import annotations

import zlib

#: Bytes. To compress less would save less than it costs.
LEAST = 256
#: What zlib begins with, and no JSON does.
_ZLIB = b"\x78"


def packed(json: bytes) -> bytes:
    """Return JSON as it is kept: compressed if it is long, else as it is."""
    return zlib.compress(json) if len(json) >= LEAST else json


def unpacked(kept: bytes) -> bytes:
    """Return the JSON that `packed` was given."""
    return zlib.decompress(kept) if kept.startswith(_ZLIB) else kept
