"""Citations in an answer, such as `[pair-headphones#2]`: the second passage of an article. Only what was returned."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backdesk.quality.check import Check
from backdesk.quality.draft import Draft

_REFERENCE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*#\d{1,5}")
_CITATION = re.compile(rf"\[({_REFERENCE.pattern}(?:[,;]\s?{_REFERENCE.pattern})*)\]")


def citations_of(text: str) -> list[str]:
    """Return what a text cites, without the brackets; several may stand in one pair of them."""
    return list(dict.fromkeys(each for group in _CITATION.findall(text) for each in _REFERENCE.findall(group)))


@dataclass(frozen=True, slots=True)
class KnownCitations(Check):
    """Cites what tools have returned, and nothing else."""

    name = "known_citations"
    layer = "factual"

    def fault(self, draft: Draft) -> str | None:
        unknown = [each for each in citations_of(draft.text) if each not in draft.citable]
        return f"Leave out [{'], ['.join(unknown)}]: cite only the `cite` of what a tool returned." if unknown else None
