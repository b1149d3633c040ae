"""What answers of specialists must pass.

Of an answer with code in it, some checks read the words around the code alone.
"""

from __future__ import annotations

import re
from dataclasses import replace
from textwrap import dedent

from backdesk.agents import Agent
from backdesk.quality import BRIEF, DEFAULT_CHECKS, Draft
from backdesk.quality.brand_voice import CalmTone, InCharacter, NoSlang
from backdesk.quality.check import Check
from backdesk.quality.citations import KnownCitations
from backdesk.quality.factual import SupportedFacts
from backdesk.quality.form import Length
from backdesk.quality.legal import Disclaimers
from backdesk.tools.code_check import checked

#: Code in a fence; or between backticks in a line, with a sign that words have not: an amount alone is no code.
_CODE = re.compile(
    r"^[ \t]*```.*?^[ \t]*```[ \t]*$|(?<!`)`(?=[^`\n]*[\[\]{}()<>=;_])[^`\n]+`(?!`)", re.DOTALL | re.MULTILINE
)


_FENCE = re.compile(r"^[ \t]*```([A-Za-z0-9]+)[^\n]*\n(.*?)^[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE)


class WellFormedCode(Check):
    """Code in a fence that names its language has no error of its syntax, unless it is what somebody has asked about.

    It is read, and not run. Of languages that are not checked nothing is demanded.
    """

    __slots__ = ()
    name = "well_formed_code"
    layer = "factual"

    def fault(self, draft: Draft) -> str | None:
        known = "\n".join((draft.asked, *draft.evidence))
        for language, code in _FENCE.findall(draft.text):
            found = checked(language, dedent(code))
            if found.well_formed is False and code.strip() not in known:
                return (
                    f"Mend the code, or name no language at its fence where it is meant to be wrong: {found.summary()}."
                )
        return None


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
CODING = replace(BRIEF, checks=(*(_BESIDES.get(check.name, check) for check in DEFAULT_CHECKS), WellFormedCode()))


def with_gate(card: Agent) -> Agent:
    """Return an agent as customers may read it: one that was declared without a gate has the usual one."""
    return card if card.quality else replace(card, quality=BRIEF)
