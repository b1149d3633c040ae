"""Passages: what of an article is found and cited. As much as one answer needs, and never of two sections. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from backdesk.service.knowledge.contract import Section

#: How long a passage is at most, in characters.
MOST_CHARS = 1_200
#: Where a text may be cut, the best place first, and what stood there.
_SEAMS = ((r"\n\s*\n", "\n\n"), (r"\n", "\n"), (r"(?<=[.!?…؟।])\s+|(?<=[\u3002\uff01\uff1f])", " "), (r"\s+", " "))


class Piece(NamedTuple):
    """A passage before it is kept."""

    heading: str
    text: str


def passages_of(sections: Iterable[Section]) -> list[Piece]:
    """Split sections where paragraphs end, else sentences, else words; neighbours that fit are kept together."""
    return [Piece(each.heading, text) for each in sections for text in _packed(each.text, 0)]


def _packed(text: str, level: int) -> Iterator[str]:
    if level == len(_SEAMS):
        yield from (text[at : at + MOST_CHARS] for at in range(0, len(text), MOST_CHARS))
        return
    seam, joint = _SEAMS[level]
    held = ""
    for part in filter(None, map(str.strip, re.split(seam, text))):
        joined = f"{held}{joint}{part}" if held else part
        if len(joined) <= MOST_CHARS:
            held = joined
            continue
        yield from filter(None, (held,))
        *whole, held = _packed(part, level + 1)
        yield from whole
    yield from filter(None, (held,))
