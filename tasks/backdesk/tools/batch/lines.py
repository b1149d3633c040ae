"""The line of an item in the file of a batch: its result, or why it has none. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from backdesk.worker.attempt.classification import classify
from backdesk.worker.text.json import encode
from backdesk.worker.text.masking import mask

#: What one item may leave in the file, as JSON.
MOST_RESULT_BYTES = 256 * 1024
#: The characters of an error.
MOST_TOLD_TEXT = 500


class ItemError(BaseModel):
    """Why an item came to nothing: `code` as of a job that fails."""

    index: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Line:
    """The result of one item as it is written, and its error if it has failed."""

    written: bytes
    error: ItemError | None = None


def line(index: int, value: Any) -> Line:
    """Return the line of what an item came to; that of an error for what is no JSON, or too large."""
    try:
        encoded = encode(value)
    except ValueError as error:
        return _error(index, "invalid_item_result", f"what it returned is no JSON: {error}")
    if len(encoded) > MOST_RESULT_BYTES:
        size = f"{len(encoded)} bytes as JSON, the limit is {MOST_RESULT_BYTES}"
        return _error(index, "item_result_too_large", f"what it returned is {size}")
    return Line(b'{"index":%d,"result":%b}\n' % (index, encoded))


def failed(index: int, error: BaseException) -> Line:
    """Return the line of an item that has raised."""
    failure = classify(error)
    return _error(index, failure.code, mask(failure.message)[:MOST_TOLD_TEXT])


def _error(index: int, code: str, message: str) -> Line:
    told = ItemError(index=index, code=code, message=message)
    return Line(encode({"index": index, "error": {"code": code, "message": message}}) + b"\n", told)
