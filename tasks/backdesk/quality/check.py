"""What a check is: something that an answer has or lacks, and a sentence that tells the model how to mend it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import ClassVar

from backdesk.quality.draft import Draft, Form
from backdesk.quality.notation import AFTER, BEFORE, UNPARTED
from backdesk.quality.vocabulary import vocabulary_of


class Check(ABC):
    """One thing that is demanded of an answer. Pure; checks with equal fields are equal."""

    __slots__ = ()
    name: ClassVar[str]
    #: What it belongs to: appropriateness, factual, brand_voice, legal, length or phrases.
    layer: ClassVar[str]
    #: What can fail it.
    reads: ClassVar[frozenset[Form]] = frozenset({"answer", "question", "data"})

    @abstractmethod
    def fault(self, draft: Draft) -> str | None:
        """Return None when the draft passes, else one sentence to the model: what to mend."""


def found_words(words: tuple[str, ...], text: str) -> list[str]:
    """Return those of the words and phrases that a text has as whole words, in its order and in lower case."""
    found = (re.sub(r"\s+", " ", each.lower()) for each in _any_of(words).findall(text)) if words else ()
    return list(dict.fromkeys(found))


def words_against(english: tuple[str, ...], own: tuple[str, ...], draft: Draft) -> list[str]:
    """Return what an answer has of the English words, which are looked for in any, and of those of its language."""
    harmless = vocabulary_of(draft.language).harmless
    return found_words(tuple(word for word in english if word not in harmless) + own, draft.text)


@lru_cache(maxsize=1024)
def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    apart = "|".join(_pattern(word) for word in longest_first if not UNPARTED.match(word))
    joined = [_pattern(word) for word in longest_first if UNPARTED.match(word)]
    return re.compile(
        "|".join([rf"(?<!\d){BEFORE}(?:{apart})(?!\w){AFTER}" if apart else "(?!)", *joined]), re.IGNORECASE
    )


def _pattern(word: str) -> str:
    stem = r"\s{1,5}".join(map(re.escape, word.removesuffix("*").split()))
    return stem + r"\w{0,8}" if word.endswith("*") else stem


def quoted(found: list[str]) -> str:
    """Return words as a list in a sentence."""
    return ", ".join(f'"{each}"' for each in found)
