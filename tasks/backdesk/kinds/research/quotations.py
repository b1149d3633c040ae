"""Quotations: where the words of a source stand in its text, whatever they were copied through. Pure."""

from __future__ import annotations

import re
import unicodedata

#: What is shorter is found anywhere.
LEAST_CHARS, LEAST_WORDS = 12, 3
_ALIKE = str.maketrans(
    dict.fromkeys("\u2018\u2019", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"')
    | dict.fromkeys("\u2013\u2014", "-")
)
_LEFT_OUT = {"\u00ad", "\u200b", "\u2060", "\ufeff"}
_QUOTED = re.compile(r"“([^“”]+)”|„([^„“”]+)[“”]|«([^«»]+)»|\"([^\"]+)\"")


class Quotable:
    """A text in which quotations are looked for, read once for all of them."""

    def __init__(self, text: str) -> None:
        self._plain, self._places = _plain(text)

    def place_of(self, words: str) -> tuple[int, int] | None:
        """Return where the words of a quotation stand, from and up to which character; None where they do not."""
        begins = self._plain.find(words)
        return None if begins < 0 else (self._places[begins], self._places[begins + len(words) - 1] + 1)


def wording_of(quote: str) -> str | None:
    """Return a quotation as `Quotable` looks for it; None for one that is too short, and stands nowhere.

    Spaces, the shapes of quotation marks and dashes, and capitals may differ from the text, and nothing else.
    """
    words = _plain(quote)[0].strip()
    return None if len(words) < LEAST_CHARS or (len(words.split()) < LEAST_WORDS and words.isascii()) else words


def place_of(quote: str, text: str) -> tuple[int, int] | None:
    """Return where a quotation stands in a text, from and up to which character; None where it does not."""
    words = wording_of(quote)
    return None if words is None else Quotable(text).place_of(words)


def says(text: str, quote: str) -> bool:
    """Whether a text has these words, however few."""
    wanted = _plain(quote)[0].strip(" .,;:!?")
    return bool(wanted) and wanted in _plain(text)[0]


def quoted_in(sentence: str) -> list[str]:
    """Return what a sentence has in quotation marks: of two words and more, as one may be a name."""
    found = (next(filter(None, each.groups())) for each in _QUOTED.finditer(sentence))
    return [each for each in found if len(each.split()) > 1]


def _plain(text: str) -> tuple[str, list[int]]:
    """Return a text as it is compared, and for each of its characters where that stood."""
    signs: list[str] = []
    places: list[int] = []
    for place, written in enumerate(text):
        if written in _LEFT_OUT:
            continue
        sign = " " if written.isspace() else unicodedata.normalize("NFKC", written.translate(_ALIKE)).casefold()
        if sign == " " and signs and signs[-1] == " ":
            continue
        for each in sign:
            signs.append(each)
            places.append(place)
    return "".join(signs), places
