"""JSON given on the command line: as text, as `@file`, or as `-` for standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from backdesk.worker.errors import InvalidRequest

#: Lines that are told of when they are wrong.
MOST_TOLD = 10


def read_source(option: str, source: str) -> Any:
    """Return the JSON that an option names; raises InvalidRequest when it cannot be read or is none."""
    named = source == "-" or source.startswith("@")
    return read_json(option, _read(option, source.removeprefix("@")) if named else source)


def read_json(option: str, text: str | bytes) -> Any:
    """Return JSON that was typed or read; raises InvalidRequest that names the option."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequest(option, f"is no JSON: {error}") from None


def read_lines(option: str, source: str) -> list[tuple[int, Any]]:
    """Return the number and the JSON of each line of a file, or of standard input (`-`), that is not blank.

    Raises InvalidRequest that names each of the first lines that are no JSON, or the option when there are none.
    """
    found, wrong = list[tuple[int, Any]](), dict[str, str]()
    for number, line in enumerate(_read(option, source).splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append((number, from_json(line, allow_inf_nan=False)))
        except ValueError as error:
            wrong[f"line {number}"] = f"is no JSON: {error}"
            if len(wrong) == MOST_TOLD:
                break
    if wrong:
        raise InvalidRequest.of(wrong)
    if not found:
        raise InvalidRequest(option, f"{source} has no lines: write one request a line, as JSON")
    return found


def _read(option: str, path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidRequest(option, f"{path} cannot be read: {error.strerror}") from None
