"""What all rules need: whether a text says something, and how to speak."""

from __future__ import annotations

import re

from backdesk.agents.card import ASK, HAND_OVER
from backdesk.agents.proposals.verdict import DECLINED
from backdesk.agents.situation import Call, Reply, Say, Situation

NOTE = "(offline model)"


def says(words: str, text: str) -> bool:
    """Whether a text has one of these words, given as alternatives of a regular expression; the case is ignored."""
    return re.search(rf"\b(?:{words})\b", text.lower()) is not None


def declined(now: Situation) -> bool:
    """Whether the customer has just said no to what was proposed to them."""
    return DECLINED in now.instructions


def say(*sentences: str) -> Say:
    """Answer, marked as the offline model's."""
    return Say(" ".join((*sentences, NOTE)))


def ask(question: str) -> Reply:
    """Ask the customer, marked as the offline model's."""
    return (Call(ASK, {"question": f"{question.strip()} {NOTE}"}),)


def hand_over(to: str, reason: str) -> Reply:
    """Hand the conversation over to a colleague."""
    return (Call(HAND_OVER, {"to": to, "reason": reason}),)
