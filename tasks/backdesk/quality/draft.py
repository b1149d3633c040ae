"""An answer that nobody has read yet, and what it can be held against."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from backdesk.quality.language import language_of


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of an answer; what the customer asked; and all that the agent may know.

    `evidence` is what the tools returned (as text or JSON), what the customer has said, and the instructions. With
    `today`, "tomorrow" is a date.
    """

    text: str
    asked: str = ""
    evidence: tuple[str, ...] = ()
    today: date | None = None

    @property
    def language(self) -> str | None:
        """The language of the answer; what it is too short to tell is the language of the question."""
        return language_of(self.text) or language_of(self.asked)


def words_of(text: str) -> list[str]:
    """Return the words of a text, without its numbers."""
    return re.findall(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?", text)


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text; lines and points of a list count as such."""
    return [part for part in re.split(r"(?<=[.!?…])[\"')\]]?\s+|\n+", text.strip()) if words_of(part)]
