"""An answer that nobody has read yet, and what it can be held against."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal

from backdesk.quality.calendar import calendar_of, either, months_after_points
from backdesk.quality.language import language_of, languages_of
from backdesk.quality.notation import UNPARTED
from backdesk.quality.vocabulary import vocabulary_of

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


#: Where a sentence ends, unless a point ends none.
_END = re.compile(r"(?<=[.!?…؟।])[\"')\]]?\s+|(?<=[。！？])|\n+")
#: "No. 10003", which denies nothing.
_NUMBER_SIGN = re.compile(r"(?<!\w)(?:no|nr|n|n[uú]m|č)\.\s?[º°]?\s?(?=(?:[A-Z]{1,4}-)?\d)", re.IGNORECASE)
_LOWER = "[a-zß-öø-ÿα-ώа-яё]"


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text, "No. 10003" as "№ 10003"; lines and points of a list count as such."""
    text = _NUMBER_SIGN.sub("№ ", text.strip())
    within = _points_within(text)
    ends = [each for each in _END.finditer(text) if "\n" in each[0] or each.start() not in within]
    begins, stops = [0, *(each.end() for each in ends)], [*(each.start() for each in ends), len(text)]
    parts = [text[begin:stop] for begin, stop in zip(begins, stops, strict=True)]
    return [part for part in parts if words_of(part)]


def _points_within(text: str) -> set[int]:
    """Return where the points end that end no sentence."""
    if ". " not in text:
        return set()
    found = _unending(languages_of(text)).finditer(text)
    return {each.start() + at for each in found for at, sign in enumerate(each[0], 1) if sign == "."}


@cache
def _unending(languages: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds such points: of "17. ledna", "17. Januar", "Nov. 28", "4 p.m. with Nora" and "Dr. Lee"."""
    months = either(month for code in languages for month in months_after_points(code))
    short = either(month for code in (*languages, "en") for month in calendar_of(code).months if len(month) < 5)
    words = {each for code in (*languages, "en") for each in vocabulary_of(code).abbreviations}
    abbreviations = "|".join(re.escape(each).replace(r"\ ", r"\s?") for each in sorted(words, key=len, reverse=True))
    return re.compile(
        rf"\d\.(?=\s+(?:{_LOWER}|(?i:{months})))"
        rf"|(?i:{short})\.(?=\s+(?:{_LOWER}|(?:\d{{1,2}}|20\d\d)(?!\d)))"
        rf"|(?<![^\W\d_])[^\W\d_]\.(?=\s+{_LOWER})"
        rf"|(?<!\w)(?i:{abbreviations})"
    )
