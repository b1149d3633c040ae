"""What customers prefer: which values there are, which of several statements is in force, and what proves one.

A preference is never overwritten. Every statement about it is kept with who made it, when and why, and the one in
force follows from all of them, so that it can always be explained. What a message says is a model's to understand; what
is kept of it comes with the customer's own words, which must stand in the message.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

#: The preferences, each with its allowed values.
PREFERENCES: Mapping[str, tuple[str, ...]] = {
    "communication_style": ("formal", "casual", "concise", "detailed", "simple", "technical", "balanced"),
    "interested_in": ("lighting", "audio", "computing", "smart home", "networking"),
    "contact_method": ("email", "phone", "chat", "sms"),
    "response_time": ("immediate", "same day", "no hurry"),
}

Source = Literal["explicit", "inferred"]

#: Quotation marks and apostrophes, as a keyboard has them.
_STRAIGHT = str.maketrans("\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb", "'''" + '"' * 5)


class Statement(BaseModel):
    """That a customer prefers something: who says so (`by`), when, and why. `at` is in UTC."""

    model_config = ConfigDict(frozen=True)

    name: str
    value: str
    source: Source
    by: str
    reason: str
    at: datetime


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


def stands_in(quote: str, message: str) -> bool:
    """Whether these words stand in a message as one piece, whatever their capitals, spaces and quotation marks."""
    words = _plain(quote).strip(" \"'.,;:!?…")
    return bool(words) and words in _plain(message)


def _plain(text: str) -> str:
    straight = text.translate(_STRAIGHT)
    return " ".join(unicodedata.normalize("NFKC", straight).casefold().split())
