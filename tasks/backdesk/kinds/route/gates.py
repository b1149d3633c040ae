"""What answers of specialists must pass.

Of an answer with code in it, some checks read the words around the code alone.
"""

from __future__ import annotations

import re
from dataclasses import replace

from backdesk.agents import Agent
from backdesk.quality import BRIEF, DEFAULT_CHECKS, Draft
from backdesk.quality.brand_voice import CalmTone, InCharacter, NoSlang
from backdesk.quality.check import Check
from backdesk.quality.citations import KnownCitations
from backdesk.quality.factual import SupportedFacts
from backdesk.quality.form import Length
from backdesk.quality.legal import Disclaimers

#: Code in a fence; or between backticks in a line, with a sign that words have not: an amount alone is no code.
_CODE = re.compile(
    r"^[ \t]*```.*?^[ \t]*```[ \t]*$|(?<!`)`(?=[^`\n]*[\[\]{}()<>=;_])[^`\n]+`(?!`)", re.DOTALL | re.MULTILINE
)


class _OfWords(Check):
    """A check of the words around code: `range(100)` states no fact, and `IF NOT EXISTS` does not shout."""

    __slots__ = ()

    def fault(self, draft: Draft) -> str | None:
        # The check that it is mixed with comes next in the order of classes.
        return super().fault(replace(draft, text=_CODE.sub("…", draft.text)))  # type: ignore[safe-super]


class FactsOfWords(_OfWords, SupportedFacts):
    """Every fact in words is supported."""

    __slots__ = ()


class CitationsOfWords(_OfWords, KnownCitations):
    """Every citation in words is known."""

    __slots__ = ()


class CalmWords(_OfWords, CalmTone):
    """No shouting in words."""

    __slots__ = ()


class NoSlangInWords(_OfWords, NoSlang):
    """No slang in words."""

    __slots__ = ()


class WordsInCharacter(_OfWords, InCharacter):
    """No word of prompts and tools; of function calls there may be, which code has."""

    __slots__ = ()


class DisclaimersOfWords(_OfWords, Disclaimers):
    """A disclaimer of what words touch."""

    __slots__ = ()


_BESIDES = {
    each.name: each
    for each in (
        Length(least=1, most=8_000),
        FactsOfWords(),
        CitationsOfWords(),
        CalmWords(),
        NoSlangInWords(),
        WordsInCharacter(phrases=tuple(each for each in InCharacter().phrases if each != "function call")),
        DisclaimersOfWords(),
    )
}
#: For who writes code.
CODING = replace(BRIEF, checks=tuple(_BESIDES.get(check.name, check) for check in DEFAULT_CHECKS))


def with_gate(card: Agent) -> Agent:
    """Return an agent as customers may read it: one that was declared without a gate has the usual one."""
    return card if card.quality else replace(card, quality=BRIEF)
