"""JSON given on the command line: as text, as `@file`, or as `-` for standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from backdesk.worker.errors import InvalidRequest


def read_source(option: str, source: str) -> Any:
    """Return the JSON that an option names; raises InvalidRequest when it cannot be read or is none."""
    return read_json(option, _read(option, source))


def read_json(option: str, text: str | bytes) -> Any:
    """Return JSON that was typed or read; raises InvalidRequest that names the option."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequest(option, f"is no JSON: {error}") from None


def _read(option: str, source: str) -> str | bytes:
    if source == "-":
        return sys.stdin.buffer.read()
    if not source.startswith("@"):
        return source
    try:
        return Path(source[1:]).read_bytes()
    except OSError as error:
        raise InvalidRequest(option, f"{source[1:]} cannot be read: {error.strerror}") from None
