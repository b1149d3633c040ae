"""The arguments of a call, by the names that the header of its script gives them."""

from __future__ import annotations

from typing import Any

from backdesk.worker.store.scripts import Call
from backdesk.worker.store.signature import COMMON


def argument(call: Call[Any], name: str) -> Any:
    """One that is passed once."""
    return call.arguments[(*COMMON, *call.script.signature.passed).index(name)]


def items(call: Call[Any]) -> list[tuple[Any, ...]]:
    """The values of each item."""
    signature = call.script.signature
    first, size = len(COMMON) + len(signature.once), len(signature.item)
    return [call.arguments[at : at + size] for at in range(first, len(call.arguments), size)]
