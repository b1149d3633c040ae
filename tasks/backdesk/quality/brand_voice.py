"""How the shop speaks: calm, in whole words, and as itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backdesk.quality.check import Check, quoted, words_against
from backdesk.quality.draft import Draft, words_of
from backdesk.quality.vocabulary import vocabulary_of

SLANG = (
    "ain't", "bro", "btw", "cuz", "dude", "dunno", "gonna", "gotcha", "gotta", "idk", "imo", "kinda", "lemme",
    "lmao", "lol", "nah", "nope", "omg", "pls", "plz", "sorta", "sup", "thx", "u", "ur", "wanna",
    "yeah", "yep", "yo", "yup",
)  # fmt: skip
OUT_OF_CHARACTER = (
    "as a language model", "as a large language model", "as an ai language model", "function call", "knowledge cutoff",
    "my instructions", "my prompt", "my prompts", "my system message", "my tools", "my training data",
    "system instructions", "system message", "system prompt", "tool call", "tool calls",
)  # fmt: skip
#: Words in capitals that follow one another before it counts as shouting; abbreviations rarely do.
SHOUTED_WORDS = 3


def shouts(text: str) -> bool:
    """Whether a text shouts: three words in capitals in a row, or two marks of exclamation."""
    capitals = rf"\b[A-Z]{{2,}}\b(?:[ ,]{{1,2}}[A-Z]{{2,}}\b){{{SHOUTED_WORDS - 1}}}"
    return re.search(rf"{capitals}|!\s?!", text) is not None


@dataclass(frozen=True, slots=True)
class CalmTone(Check):
    """No shouting."""

    name = "calm_tone"
    layer = "brand_voice"

    def fault(self, draft: Draft) -> str | None:
        return (
            "Write calmly: no words in capitals, and one mark of exclamation at most." if shouts(draft.text) else None
        )


@dataclass(frozen=True, slots=True)
class NoSlang(Check):
    """No slang, and no abbreviations of chats."""

    words: tuple[str, ...] = SLANG
    name = "slang"
    layer = "brand_voice"

    def fault(self, draft: Draft) -> str | None:
        found = words_against(self.words, vocabulary_of(draft.language).slang, draft)
        return f"Use plain, polite language instead of {quoted(found)}." if found else None


@dataclass(frozen=True, slots=True)
class InCharacter(Check):
    """The answer speaks for the shop: that an AI writes it may be said, nothing of the prompts and tools behind it."""

    phrases: tuple[str, ...] = OUT_OF_CHARACTER
    name = "in_character"
    layer = "brand_voice"

    def fault(self, draft: Draft) -> str | None:
        found = words_against(self.phrases, vocabulary_of(draft.language).prompts, draft)
        return f"Speak for the shop, and not about how you work: leave out {quoted(found)}." if found else None


def is_curt(text: str, *, least_words: int) -> bool:
    """Whether a text has fewer words than a polite answer needs."""
    return len(words_of(text)) < least_words
