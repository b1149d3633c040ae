"""Strict JSON: what is written can be read by any parser, in any language; what cannot be read is shown as such."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticSerializationError, SchemaSerializer, core_schema, from_json, to_json

#: Levels of objects and lists in what is written; parsers give up at some depth, ours at 200, and wrap what they read.
DEEPEST = 64

_NO_NUMBERS = (b"NaN", b"Infinity")
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NEITHER_BRACKET_NOR_QUOTE = bytes(each for each in range(256) if each not in b'[]{}"')
_TEXT = re.compile(rb'"[^"]*"')


class NotJson(ValueError):
    """A value that cannot be written: `field` is the path to what is wrong, "" for the whole, and `reason` says why."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason = reason
        self.field = field


def encode(value: object) -> bytes:
    """Return a value as JSON in UTF-8.

    Raises NotJson for what JSON cannot hold, or not every parser can read: a foreign type, a number that is not finite,
    half of a surrogate pair, more than `DEEPEST` levels.
    """
    try:
        encoded = to_json(value, inf_nan_mode="constants")
    except PydanticSerializationError as error:
        raise _too_deep() if "depth exceeded" in str(error) else NotJson(str(error)) from None
    # A model writes null for a number that is not finite, whatever it is asked for.
    named = any(word in encoded for word in _NO_NUMBERS)
    if named or b"null" in encoded:
        _check_finite(value)
    if named:
        _check_readable(encoded)
    if encoded.count(b"[") + encoded.count(b"{") > DEEPEST and _is_too_deep(encoded):
        raise _too_deep()
    return encoded


def decode(encoded: bytes | str) -> Any:
    """Return the value of JSON; raises ValueError for what is none, is nested too deep, or has a number not finite."""
    return from_json(encoded, allow_inf_nan=False)


def _too_deep() -> NotJson:
    return NotJson(f"is nested more than {DEEPEST} levels deep")


def _check_finite(value: object) -> None:
    if not _is_finite(value):
        for field, number in _not_finite(value, ""):
            raise NotJson(f"{number} is no number of JSON", field)


def _is_finite(value: object) -> bool:
    """Whether no number in a value is seen not to be finite; texts that sound like one are taken for one."""
    try:
        encoded = to_json(_PLAIN.to_python(value, warnings=False), inf_nan_mode="constants", fallback=str)
    except ValueError:
        return False
    return not any(word in encoded for word in _NO_NUMBERS)


#: Makes of a model what it consists of, with its numbers as they are.
_PLAIN = SchemaSerializer(core_schema.any_schema())


def _check_readable(encoded: bytes) -> None:
    try:
        decode(encoded)
    except ValueError as error:
        raise NotJson(str(error)) from None


def _plain(value: object) -> dict[Any, Any] | list[Any] | None:
    """Return what a value consists of, where that can hold numbers."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Set | Sequence) and not isinstance(value, str | bytes) else None


def _not_finite(value: object, at: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        if not math.isfinite(value):
            yield at, value
        return
    plain = value if isinstance(value, dict | list) else _plain(value)
    for name, each in plain.items() if isinstance(plain, dict) else enumerate(plain or ()):
        yield from _not_finite(each, f"{at}.{name}" if at else str(name))


def _is_too_deep(encoded: bytes) -> bool:
    """Take away the innermost pairs of brackets once for each level: what is left then was deeper."""
    plain = encoded.replace(rb"\\", b"").replace(rb"\"", b"")
    brackets = _TEXT.sub(b"", plain.translate(_BRACKETS, _NEITHER_BRACKET_NOR_QUOTE).replace(b'""', b""))
    for _ in range(DEEPEST):
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


#: Longest text of an error that is kept, in characters.
LONGEST = 4000
#: Longest beginning of something unreadable that is shown, in characters.
LONGEST_EXCERPT = 200


def printable(value: object) -> str:
    """Return a value as text that can be kept, whatever it is: cut at `LONGEST`, question marks for what is no text."""
    try:
        return str(value)[:LONGEST].encode("utf-8", "replace").decode()
    except BaseException:  # noqa: BLE001 - a value whose text fails must still be spoken of, by an exit even
        return f"<{type(value).__name__} without a text>"


def excerpt(value: object) -> str:
    """Return the beginning of a value as it may stand in a log, however long or malformed it is."""
    return repr(value)[:LONGEST_EXCERPT]


#: Text in a record that may come from anywhere, an exception of a body for instance.
Text = Annotated[str, BeforeValidator(printable)]


class Unreadable(BaseModel):
    """What stands in the place of something that is kept and cannot be read: why, and its beginning as it is kept."""

    model_config = ConfigDict(frozen=True)

    reason: str
    text: str = ""

    @classmethod
    def of(cls, raw: bytes | str, error: Exception) -> Unreadable:
        """Tell of what was kept, and the error of reading it."""
        text = raw[: 4 * LONGEST_EXCERPT].decode("utf-8", "replace") if isinstance(raw, bytes) else raw
        reason = " ".join(printable(error).split())
        return cls(reason=reason[:LONGEST_EXCERPT], text=printable(text)[:LONGEST_EXCERPT])

    def __str__(self) -> str:
        return f"cannot be read: {self.reason}; it begins {self.text!r}" if self.text else f"is {self.reason}"
