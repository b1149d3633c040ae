"""What a check is: something that an answer has or lacks, and a sentence that tells the model how to mend it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import ClassVar

from backdesk.quality.draft import Draft, Form
from backdesk.quality.notation import AFTER, BEFORE, UNPARTED
from backdesk.quality.vocabulary import APART, vocabulary_of

#: What may stand between two parts of a phrase: some words of the same clause.
_SOME_WORDS = r"(?!\w)[^,;:.!?\u3001\u3002\uff0c\n]{0,40}?(?<!\w)"
_SOME_SIGNS = r"[^,;:.!?\u3001\u3002\uff0c\n]{0,20}?"


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


def spans_of(words: tuple[str, ...], text: str) -> list[tuple[int, int]]:
    """Return where a text has the words and phrases: from and to."""
    return [each.span() for each in _any_of(words).finditer(text)] if words else []


def words_against(english: tuple[str, ...], own: tuple[str, ...], draft: Draft) -> list[str]:
    """Return what an answer has of the English words, which are looked for in any, and of those of its language."""
    known = vocabulary_of(draft.language)
    words = tuple(word for word in english if word not in known.harmless) + own
    # As a rule there are none, and phrases take ten times as long to look for.
    return found_words(words, without(known.innocent, draft.text)) if found_words(words, draft.text) else []


@lru_cache(maxsize=2)  # several checks of one review ask for the same
def without(innocent: tuple[str, ...], text: str) -> str:
    """Return a text without the phrases in which words of any list mean something else; see `Vocabulary`."""
    return _any_phrase(innocent).sub("…", text) if innocent else text


# A language has some hundred of them, and to make one takes as long as to look a hundred times.
@lru_cache(maxsize=16_384)
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


@lru_cache(maxsize=128)
def _any_phrase(phrases: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(_phrase, phrases)), re.IGNORECASE)


def _phrase(phrase: str) -> str:
    unparted = UNPARTED.search(phrase) is not None
    parts = ("|".join(map(_cased, part.split("|"))) for part in phrase.split(APART))
    whole = (_SOME_SIGNS if unparted else _SOME_WORDS).join(f"(?:{part})" for part in parts)
    return whole if unparted else rf"{BEFORE}{whole}(?!\w){AFTER}"


def _cased(word: str) -> str:
    return _pattern(word) if word.islower() else f"(?-i:{_pattern(word)})"


def quoted(found: list[str]) -> str:
    """Return words as a list in a sentence."""
    return ", ".join(f'"{each}"' for each in found)
