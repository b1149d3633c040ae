"""What the rules of the offline model take for a preference, in English: the words that say it, unless they deny it.

A real model reads messages itself. These expressions are its stand-in's, and nothing else may go by them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from backdesk.kinds.contextual.preferences import PREFERENCES

#: What a message has to say for a preference to be inferred from it. The first one that fits wins.
_SIGNS: Mapping[str, Mapping[str, str]] = {
    "communication_style": {
        "concise": r"keep it (?:short|brief)|be brief|briefly|in short|to the point|tl;?dr",
        "detailed": r"in (?:full )?detail|step by step|explain everything|thorough(?:ly)?",
        "formal": r"dear sir|dear madam|yours (?:sincerely|faithfully)",
        "casual": r"hey (?:guys|there|folks)|cheers|no need to be formal",
        "simple": r"in (?:simple|plain) (?:words|terms|language|english)|keep it simple",
        "technical": r"technical details?|in technical terms|the (?:full )?specs",
    },
    "contact_method": {
        "phone": r"call me|ring me|phone me|give me a call",
        "email": r"(?:e-?mail|write to) me|by e-?mail",
        "sms": r"text me|by sms|send me an? (?:sms|text)",
        "chat": r"chat with (?:me|you)|by chat",
    },
    "response_time": {
        "immediate": r"asap|as soon as possible|immediately|right now|urgent(?:ly)?",
        "same day": r"by tonight|by the end of the day",
        "no hurry": r"no hurry|no rush|when(?:ever)? you have time|take your time",
    },
}
_WISH = (
    r"looking for|interested in|(?:want|would like) to buy|recommend|suggest|thinking (?:of|about) (?:buying|getting)"
)
_WARES: Mapping[str, str] = {
    "lighting": r"lighting|lamps?|lights?",
    "audio": r"audio|headphones?|speakers?|music|sound",
    "computing": r"computing|computers?|keyboards?|mouse|mice|webcams?",
    "smart home": r"smart home|home automation|smart plugs?",
    "networking": r"network(?:ing)?|routers?|wi-?fi|mesh",
}
#: How preferences are stated: `I prefer email`, `please be formal`, `my contact method is phone`.
_STATED = r"prefer|set|change|make|be|contact me by|respond|communication style|contact method|response time"

_BOUNDARY = re.compile(r"[.,;:!?\n]+|\bbut\b", re.IGNORECASE)
_DENIED = (
    r"\b(?:not|never|no|nor|neither|without|stop|cannot|dont|hate|dislike|rather than|instead of|\w+n['\u2019]t)\b"
)


class Found(NamedTuple):
    """A preference, and the customer's words for it."""

    name: str
    value: str
    quote: str


def inferences(message: str) -> list[Found]:
    """Return what can be inferred from a message, at most one value for each preference."""
    found = [each for name, signs in _SIGNS.items() if (each := _first(name, signs, message))]
    wares = _first("interested_in", _WARES, message) if _said(_WISH, message) else None
    return [*found, wares] if wares else found


def statements(message: str) -> list[Found]:
    """Return what a customer wants kept: a value that is known, or what they named of a preference that is."""
    if not _said(_STATED, message):
        return []
    return [each for name in PREFERENCES if (each := _stated(name, message))]


def _stated(name: str, message: str) -> Found | None:
    known = _first(name, {value: re.escape(value) for value in PREFERENCES[name]}, message)
    named = _said(rf"{name.replace('_', '[ _]')} (?:is|to|be|should be) (?P<value>\w+)", message)
    return known or (Found(name, named["value"].lower(), named.group()) if named else None)


def _first(name: str, signs: Mapping[str, str], message: str) -> Found | None:
    said = ((value, _said(words, message)) for value, words in signs.items())
    return next((Found(name, value, words.group()) for value, words in said if words), None)


def _said(words: str, message: str) -> re.Match[str] | None:
    """Return where a message says these words without denying them."""
    pattern = re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    return next((found for found in pattern.finditer(message) if not _is_denied(found, message)), None)


def _is_denied(found: re.Match[str], message: str) -> bool:
    before = _BOUNDARY.split(message[: found.start()])[-1]
    after = _BOUNDARY.split(message[found.end() :])[0]
    return bool(re.search(_DENIED, before, re.IGNORECASE) or re.search(r"\b(?:never|no more)\b", after, re.IGNORECASE))
