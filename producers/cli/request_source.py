"""A whole request given as JSON: as text, as `@file`, or as `-` for standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from worker.errors import InvalidRequest


def read_request(source: str) -> Any:
    """Return the request that `--request` names; raises InvalidRequest when it cannot be read or is no JSON."""
    return read_json("request", _read(source))


def read_json(option: str, text: str | bytes) -> Any:
    """Return JSON that was typed or read; raises InvalidRequest that names the option."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequest(option, f"is no JSON: {error}") from None


def _read(source: str) -> str | bytes:
    if source == "-":
        return sys.stdin.buffer.read()
    if not source.startswith("@"):
        return source
    try:
        return Path(source[1:]).read_bytes()
    except OSError as error:
        raise InvalidRequest("request", f"{source[1:]} cannot be read: {error.strerror}") from None
