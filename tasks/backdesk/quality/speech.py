"""What can be said aloud: an answer that a voice reads to a caller, who cannot look at it again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from unicodedata import category

from backdesk.quality.check import Check, quoted
from backdesk.quality.draft import Draft, sentences_of

_LINK = re.compile(r"https?://\S+|www\.\S+|\S+@\S+\.\w+|\b\w+\.(?:com|org|net|io|eu|de)\b", re.IGNORECASE)
#: Marks that are read aloud by their names, or not at all; the symbols of Unicode come on top, emoji among them.
_MARKS = frozenset("*_#`~|<>[]{}()\\/@&%")
_LIST = re.compile(r"^\s*(?:[-\u2013\u2022]|\d+[.)])\s|\n\s*\n", re.MULTILINE)
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\S*|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b")
_CLOCK = re.compile(
    r"\b(?:1[3-9]|2[0-4]|0\d):\d\d\b|\b\d{1,2}:\d\d:\d\d\b|\b\d{1,2}:\d\d\b(?!\s*[AP]\.?M)", re.IGNORECASE
)
#: A year is the longest number that is read well; letters and digits in one are an id.
_LONG = re.compile(r"\b\d{5,}\b|\b[A-Z]+-?\d{3,}\b|\b\d+[.,]\d{3}[.,\d]*\b")


@dataclass(frozen=True, slots=True)
class FewSentences(Check):
    """Not more than a caller can keep in mind."""

    most: int = 2
    name = "few_sentences"
    layer = "length"

    def fault(self, draft: Draft) -> str | None:
        count = len(sentences_of(draft.text))
        if count <= self.most:
            return None
        return (
            f"Say it in {self.most} sentences at most, not in {count}: the rest can wait until the caller has replied."
        )


@dataclass(frozen=True, slots=True)
class PlainSpeech(Check):
    """Words alone: no markdown, signs, emoji, links or addresses."""

    name = "plain_speech"
    layer = "phrases"

    def fault(self, draft: Draft) -> str | None:
        if links := _LINK.findall(draft.text):
            return f"It is read aloud: leave out the address {quoted(links[:1])}."
        signs = dict.fromkeys(each for each in draft.text if each in _MARKS or category(each).startswith("S"))
        if signs:
            return f"It is read aloud: write words only, without {quoted(list(signs))}."
        return "It is read aloud: write sentences, no lists or paragraphs." if _LIST.search(draft.text) else None


@dataclass(frozen=True, slots=True)
class SpeakableNumbers(Check):
    """Dates, times and numbers as people say them."""

    name = "speakable_numbers"
    layer = "phrases"

    def fault(self, draft: Draft) -> str | None:
        for pattern, remedy in (
            (_DATE, "say the date with the weekday and the month, like Wednesday, March 25"),
            (_CLOCK, "say the time with AM or PM, like 3:30 PM"),
            (_LONG, "leave the number out, or say it digit by digit, with spaces between"),
        ):
            if (found := pattern.search(draft.text)) is not None:
                return f"It is read aloud: instead of {quoted([found[0]])} {remedy}."
        return None


SPEECH: tuple[Check, ...] = (FewSentences(), PlainSpeech(), SpeakableNumbers())
