"""Strict JSON: what is written can be read by any parser, in any language."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator
from pydantic_core import from_json, to_json

_NO_NUMBERS = (b"NaN", b"Infinity")


def encode(value: object) -> bytes:
    """Return a value as JSON in UTF-8.

    Raises ValueError for what JSON cannot hold: a foreign type, a number that is not finite, half of a surrogate pair.
    """
    encoded = to_json(value, inf_nan_mode="constants")
    if isinstance(value, BaseModel) and b"null" in encoded:
        # pydantic writes null for a number that is not finite, unless it is asked for plain data first.
        return encode(value.model_dump(mode="json"))
    if any(word in encoded for word in _NO_NUMBERS):
        from_json(encoded, allow_inf_nan=False)
    return encoded


#: Longest text of an error that is kept, in characters.
LONGEST = 4000


def printable(value: object) -> str:
    """Return a value as text that can be kept, whatever it is: cut at `LONGEST`, question marks for what is no text."""
    try:
        return str(value)[:LONGEST].encode("utf-8", "replace").decode()
    except BaseException:  # noqa: BLE001 - a value whose text fails must still be spoken of, by an exit even
        return f"<{type(value).__name__} without a text>"


def excerpt(value: object) -> str:
    """Return the beginning of a value as it may stand in a log, however long or malformed it is."""
    return repr(value)[:200]


#: Text in a record that may come from anywhere, an exception of a body for instance.
Text = Annotated[str, BeforeValidator(printable)]
