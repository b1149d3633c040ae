"""Vectors of passages: how they are kept, and which are the nearest to a question's."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Sequence
from heapq import nlargest
from operator import mul

#: Which passages are looked at, at most: the newest. What is beyond these is found by its words alone.
MOST_LOOKED_AT = 5_000


def packed(vector: Sequence[float]) -> bytes:
    """Return a vector as it is kept: of length 1, as 32-bit floats, the least byte first."""
    length = math.sqrt(math.fsum(each * each for each in vector)) or 1.0
    return _little_endian(array("f", [each / length for each in vector])).tobytes()


def nearest(question: bytes, kept: Iterable[tuple[int, bytes]], *, least: float, most: int) -> list[int]:
    """Return the ids of those that are the most like a question, by the cosine, the best first.

    Those below the `least` are like nothing; vectors of another length are passed over.
    """
    asked = _unpacked(question)
    alike = (
        (sum(map(mul, asked, _unpacked(vector))), passage) for passage, vector in kept if len(vector) == len(question)
    )
    return [passage for _, passage in nlargest(most, (each for each in alike if each[0] >= least))]


def _unpacked(vector: bytes) -> array[float]:
    return _little_endian(array("f", vector))


def _little_endian(values: array[float]) -> array[float]:
    if sys.byteorder == "big":
        values.byteswap()
    return values
