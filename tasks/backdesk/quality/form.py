"""The form of an answer: how long it is, and what it must hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backdesk.quality.check import Check, found_words, quoted
from backdesk.quality.draft import Draft

#: Characters of Chinese, Japanese and Korean say what two letters do.
_OF_TWO = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]")


@dataclass(frozen=True, slots=True)
class Length(Check):
    """Neither empty nor a book. In characters, without the space around; only an answer can be too short.

    Of the least, one of Chinese, Japanese or Korean counts as two.
    """

    least: int = 10
    most: int = 2_000
    name = "length"
    layer = "length"

    def fault(self, draft: Draft) -> str | None:
        text = draft.text.strip()
        length = len(text)
        if length + len(_OF_TWO.findall(text)) < self.least and draft.form == "answer":
            return f"Answer in a whole sentence or two: {length} characters are too few, {self.least} is the least."
        if length > self.most:
            return f"Say it in fewer words: {length} characters are too many, {self.most} is the most."
        return None


@dataclass(frozen=True, slots=True)
class Whole(Check):
    """Not cut off."""

    name = "whole"
    layer = "length"

    def fault(self, draft: Draft) -> str | None:
        return "It was cut off at the limit of its length: say it in far fewer words." if draft.truncated else None


@dataclass(frozen=True, slots=True)
class UnwantedWords(Check):
    """None of these words and phrases, which whoever asks does not want to see: a competitor's name, say."""

    words: tuple[str, ...]
    name = "unwanted_words"
    layer = "phrases"

    def fault(self, draft: Draft) -> str | None:
        found = found_words(self.words, draft.text)
        return f"Leave out {quoted(found)}: such words are not wanted here." if found else None


@dataclass(frozen=True, slots=True)
class RequiredPhrases(Check):
    """All of these phrases, in any case; a phrase with alternatives is written with bars: `Kind regards|Yours`."""

    phrases: tuple[str, ...]
    name = "required_phrases"
    layer = "phrases"
    reads = frozenset({"answer"})

    def fault(self, draft: Draft) -> str | None:
        missing = [each for each in self.phrases if not found_words(tuple(each.split("|")), draft.text)]
        return f"Say also, word for word: {quoted([each.partition('|')[0] for each in missing])}." if missing else None
