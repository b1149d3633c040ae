"""An answer that nobody has read yet, and what it can be held against."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of an answer; what the customer asked; and all that the agent may know.

    `evidence` is what the tools returned (as text or JSON), what the customer has said, and the instructions.
    """

    text: str
    asked: str = ""
    evidence: tuple[str, ...] = ()


def words_of(text: str) -> list[str]:
    """Return the words of a text, without its numbers."""
    return re.findall(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?", text)


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text; lines and points of a list count as such."""
    return [part for part in re.split(r"(?<=[.!?…])[\"')\]]?\s+|\n+", text.strip()) if words_of(part)]
