"""What customers prefer: which values there are, which of several statements is in force, and what can be inferred.

A preference is never overwritten. Every statement about it is kept with who made it, when and why, and the one in
force follows from all of them, so that it can always be explained.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

#: The preferences, each with its allowed values.
PREFERENCES: Mapping[str, tuple[str, ...]] = {
    "communication_style": ("formal", "casual", "concise", "detailed"),
    "interested_in": ("lighting", "audio", "computing", "smart home", "networking"),
    "contact_method": ("email", "phone", "chat", "sms"),
    "response_time": ("immediate", "same day", "no hurry"),
}

Source = Literal["explicit", "inferred"]

#: What a message has to say for a preference to be inferred from it. The first one that fits wins.
_SIGNS: Mapping[str, Mapping[str, str]] = {
    "communication_style": {
        "concise": r"keep it (?:short|brief)|be brief|briefly|in short|to the point|tl;?dr",
        "detailed": r"in (?:full )?detail|step by step|explain everything|thorough(?:ly)?",
        "formal": r"dear sir|dear madam|yours (?:sincerely|faithfully)",
        "casual": r"hey (?:guys|there|folks)|cheers|no need to be formal",
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


class Statement(BaseModel):
    """That a customer prefers something: who says so (`by`), when, and why. `at` is in UTC."""

    model_config = ConfigDict(frozen=True)

    name: str
    value: str
    source: Source
    by: str
    reason: str
    at: datetime


class Inference(BaseModel):
    """A preference that follows from what a customer wrote, with the words from which it does."""

    model_config = ConfigDict(frozen=True)

    name: str
    value: str
    reason: str


def objection(name: str, value: str | None = None) -> str | None:
    """Return why this cannot be preferred, with what can be; None when it can."""
    if name not in PREFERENCES:
        return f"There is no preference {name!r}. There are: {', '.join(PREFERENCES)}."
    if value is not None and value not in PREFERENCES[name]:
        return f"{name} cannot be {value!r}. It can be: {', '.join(PREFERENCES[name])}."
    return None


def in_force(statements: Iterable[Statement]) -> dict[str, Statement]:
    """Return for each preference the statement that counts.

    One that the customer made beats one that was inferred, and among equals the newer beats the older; of two at the
    same moment the later in order does. The result does not depend on the order of statements of different moments.
    """
    counting: dict[str, Statement] = {}
    for statement in statements:
        known = counting.get(statement.name)
        if known is None or _weight(statement) >= _weight(known):
            counting[statement.name] = statement
    return counting


def _weight(statement: Statement) -> tuple[bool, datetime]:
    return statement.source == "explicit", statement.at


def why(statement: Statement, counting: Statement) -> str:
    """Return in a sentence whether a statement counts, and why; `counting` is the one that does."""
    if statement == counting:
        return "It is in force."
    if statement.source == "inferred" and counting.source == "explicit":
        return "It does not count: the customer has said otherwise, and that goes before what was inferred."
    return f"It does not count any more: on {counting.at:%Y-%m-%d} it became {counting.value!r}."


def inferences(message: str) -> list[Inference]:
    """Return what can be inferred from a message, at most one value for each preference."""
    text = message.lower()
    found = [_inferred(name, signs, text) for name, signs in _SIGNS.items()]
    if re.search(rf"\b(?:{_WISH})\b", text):
        found.append(_inferred("interested_in", _WARES, text))
    return [inference for inference in found if inference is not None]


def _inferred(name: str, signs: Mapping[str, str], text: str) -> Inference | None:
    for value, words in signs.items():
        if match := re.search(rf"\b(?:{words})\b", text):
            return Inference(name=name, value=value, reason=f"The customer wrote {match.group()!r}.")
    return None
