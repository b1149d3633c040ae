"""What a message is about: the topics that rules for prompts can ask for, by the words of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

Topic = Literal["refund", "delivery", "payment", "technical", "shopping", "preferences", "system"]

_WORDS: Mapping[Topic, str] = {
    "refund": r"refund(?:ed|s)?|money back|returns?|returned|returning|(?:send|give) (?:it|them|this) back",
    "delivery": r"deliver(?:y|ed|ies)?|shipp(?:ed|ing)|parcels?|track(?:ing)?|arriv(?:e|ed|al)|where is",
    "payment": r"invoices?|bill(?:ed|ing)?|receipts?|charged?|payments?|paid|vat",
    "technical": (
        r"broken?|errors?|crash(?:es)?|pair(?:ing)?|connect(?:ion)?|battery|firmware|log ?in|password|install|reset|"
        r"flickers?|stuck|(?:not|n't|stopped) (?:\w+ )?(?:work|working|start|charge|respond|turn)"
    ),
    "shopping": r"recommend(?:ation)?s?|suggest(?:ion)?s?|buy|looking for|interested in|offers?|products?|price",
    "preferences": r"prefer(?:ence)?s?|contact me|call me|e-?mail me|text me|formal|casual|concise|detailed|brief",
    "system": r"slow|busy|load|workers?|queue|maintenance|system|status of the (?:system|service)|open(?:ing)? hours",
}


def topics_of(message: str) -> tuple[Topic, ...]:
    """Return what a message is about, in a fixed order; nothing when it does not say."""
    text = message.lower()
    return tuple(topic for topic, words in _WORDS.items() if re.search(rf"\b(?:{words})\b", text))
