"""The signs of the specialists that ship: read from `signs.toml`, and compiled, when the first message is sent on."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from backdesk.agents.specialists import Sign


def noticed(specialist: str, message: str) -> Iterator[tuple[float, str]]:
    """Yield how much each sign of a specialist in a message says, and what it is."""
    return ((sign.weight, sign.means) for sign in _signs_of(specialist) if sign.pattern.search(message))


@cache
def _signs_of(specialist: str) -> tuple[Sign, ...]:
    return tuple(
        Sign(_pattern(each.get("words", []), each.get("anywhere", [])), float(each["weight"]), each["means"])
        for each in _file().get(specialist, [])
    )


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("signs.toml").read_text(encoding="utf-8"))


def _pattern(words: list[str], anywhere: list[str]) -> re.Pattern[str]:
    begun = [rf"(?<!\w)(?:{'|'.join(words)})(?!\w)"] if words else []
    return re.compile("|".join([*begun, *anywhere]), re.IGNORECASE | re.MULTILINE)
