"""JSON kept small: compressed where that pays. What is kept tells by its first byte which it is.

Logs and turns of conversations are a kilobyte or two of the same few fields. A preset dictionary (RFC 1950, 2.2) spares
each of them the first time that it says one, which is nearly half of what it takes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Bytes. To compress less would save less than it costs.
LEAST = 256
#: What zlib begins with, and no JSON does.
_ZLIB = b"\x78"
#: The dictionaries that there were, the newest last, none ever to be changed: a stream names its own by this checksum
#: (RFC 1950, 2.2). What occurs most stands last in each.
_DICTIONARIES = {
    zlib.adler32(text).to_bytes(4): text
    for text in (Path(__file__).with_name(f"packing-{number}.dictionary").read_bytes() for number in (1, 2))
}
_NEWEST = [*_DICTIONARIES.values()][-1]


def packed(json: bytes) -> bytes:
    """Return JSON as it is kept: compressed if it is long, else as it is."""
    if len(json) < LEAST:
        return json
    stream = zlib.compressobj(zdict=_NEWEST)
    return stream.compress(json) + stream.flush()


def unpacked(kept: bytes) -> bytes:
    """Return the JSON that `packed` was given; raises zlib.error for what is damaged."""
    if not kept.startswith(_ZLIB):
        return kept
    stream = zlib.decompressobj(zdict=_DICTIONARIES.get(kept[2:6], _NEWEST))
    json = stream.decompress(kept)
    if not stream.eof:
        raise zlib.error("what is kept ends too early")
    return json


def packed_bytes(value: Any) -> bytes:
    """Return None, bytes, and lists and mappings of these as they are kept; str counts as its UTF-8.

    What is no UTF-8 comes back as it was all the same.
    """
    return packed(as_json(value))


def as_json(value: Any) -> bytes:
    """Return one line of JSON for what `packed_bytes` takes."""
    return json.dumps(_text(value), ensure_ascii=False).encode("utf-8", "surrogateescape")


def from_line(line: bytes) -> Any:
    """Return what `as_json` was given, with bytes in place of str."""
    return _raw(json.loads(line.decode("utf-8", "surrogateescape")))


def unpacked_bytes(kept: bytes) -> Any:
    """Return what `packed_bytes` was given, with bytes in place of str."""
    return from_line(unpacked(kept))


def _text(value: Any) -> Any:
    match value:
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case Mapping():
            return {_text(name): _text(each) for name, each in value.items()}
        case None | str():
            return value
    return [_text(each) for each in value]


def _raw(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "surrogateescape")
        case dict():
            return {_raw(name): _raw(each) for name, each in value.items()}
        case None:
            return None
    return [_raw(each) for each in value]
