"""An answer that nobody has read yet, and what it can be held against."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from backdesk.quality.language import language_of, languages_of
from backdesk.quality.notation import UNPARTED

#: What a customer is to read: an answer; a question back to them; the texts of a structured answer. A note is for the
#: colleague who takes over, and is seen by whoever watches.
Form = Literal["answer", "question", "data", "note"]


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
    form: Form = "answer"
    #: Whether the text ends where its length had come to a limit.
    truncated: bool = False
    #: The files that its author was given; and those of them that no check can read, such as photos.
    files: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    #: What tools have returned that can be cited, as `article#passage`.
    citable: frozenset[str] = frozenset()

    @property
    def language(self) -> str | None:
        """The language of the answer; where that is too short to tell, by the question as well."""
        return language_of(self.text) or language_of(f"{self.asked} {self.text}") or language_of(self.asked)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that the answer may be in, the likeliest first: its own, and the question's.

        Of several that it could be in alike, that of the question is its own.
        """
        may_be, asked = languages_of(self.text), language_of(self.asked)
        if len(may_be) > 1 and asked in may_be:
            return (asked,)
        return tuple(dict.fromkeys(each for each in (self.language, asked, *may_be) if each))


def words_of(text: str) -> list[str]:
    """Return the words of a text, without its numbers; of scripts without spaces, every two characters."""
    found = re.findall(r"(?:[^\W\d_]|[\u0900-\u097f])+(?:['\u2019][^\W\d_]+)?", text)
    return [word for each in found for word in (re.findall(r"..?", each) if UNPARTED.search(each) else (each,))]


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text; lines and points of a list count as such."""
    # "17. ledna" goes on after its point.
    parts = re.split(r"(?<=[.!?…؟।])[\"')\]]?\s+(?!(?<=\d\.\s)[a-zß-ÿ])|(?<=[。！？])|\n+", text.strip())
    return [part for part in parts if part and words_of(part)]
