"""What a code looks like that was mailed to a customer, and that no answer repeats one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backdesk.quality import Check, Draft
from backdesk.quality.notation import plain
from backdesk.worker.text.boundaries import BEGINS, ENDS

#: Six digits, together or in two groups: what a customer types is a code, unless it is part of something longer.
CODE = re.compile(rf"{BEGINS}(?<![.-])" r"\d{3}[ -]?\d{3}" rf"{ENDS}(?!-)")


@dataclass(frozen=True, slots=True)
class RepeatsNoCode(Check):
    """No code that the customer has just written."""

    name = "code"
    layer = "appropriateness"

    def fault(self, draft: Draft) -> str | None:
        # The sentence names no code: it is part of the result when no draft passes.
        return "Leave out the code that the customer wrote." if _codes(draft.asked) & _codes(draft.text) else None


def _codes(text: str) -> set[str]:
    return {re.sub(r"\D", "", each) for each in CODE.findall(plain(text))}
