"""What a message to the service desk names and how urgent it is, by its words. For the rules of offline models."""

from __future__ import annotations

import re

from backdesk.agents.offline.phrases import says
from backdesk.agents.situation import Situation

#: How many orders of one message are dealt with.
MOST_ORDERS = 5

DANGER = r"smok(?:e|es|ing)|fire|burning|burnt|shock|dangerous"
_PRIORITIES = {
    "urgent": rf"urgent|urgently|immediately|{DANGER}",
    "high": r"asap|important|as soon as possible|twice|cannot work|deadline",
    "low": r"minor|when you have time|no hurry|suggestion",
}
#: Of ASCII, so that letters of other scripts may stand beside it.
_ORDER = re.compile(r"\b\d{5,9}\b", re.ASCII)


def order_numbers(now: Situation) -> list[int]:
    """Return the order numbers of the newest message that has any."""
    for text in reversed(now.said):
        if found := _ORDER.findall(text):
            return [int(number) for number in dict.fromkeys(found)][:MOST_ORDERS]
    return []


def names_order(text: str) -> bool:
    """Whether a text has what may be the number of an order."""
    return _ORDER.search(text) is not None


def priority_of(text: str) -> str:
    """Tell how soon somebody must look at a message."""
    return next((priority for priority, words in _PRIORITIES.items() if says(words, text)), "normal")
