"""Calls of tools as Vapi sends them, in each of the three shapes that it has for one, and the answers.

https://docs.vapi.ai/tools/custom-tools, https://docs.vapi.ai/server-url/events
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backdesk.worker.text.json import decode

#: Calls in one message, at most.
MOST_CALLS = 20


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call: its id, the tool, which is a kind, and the arguments, which are the request. None cannot be read."""

    id: str
    name: str
    arguments: dict[str, Any] | None


def calls_in(message: Mapping[str, Any]) -> Iterator[ToolCall]:
    """Yield the calls of a message of the type `tool-calls`."""
    listed = message.get("toolCallList")
    for each in listed[:MOST_CALLS] if isinstance(listed, list) else ():
        if isinstance(each, Mapping) and isinstance(each.get("id"), str):
            function = each.get("function")
            call = function if isinstance(function, Mapping) else each
            yield ToolCall(each["id"], str(call.get("name", "")), _arguments(call))


def _arguments(call: Mapping[str, Any]) -> dict[str, Any] | None:
    given = call.get("arguments", call.get("parameters", {}))
    try:
        read = decode(given.encode()) if isinstance(given, str) else given
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def answered(call: ToolCall, text: str) -> dict[str, str]:
    """Return what came of a call, on one line: Vapi reads no other."""
    return {"toolCallId": call.id, "name": call.name, "result": " ".join(text.split())}


def failed(call: ToolCall, reason: str) -> dict[str, str]:
    """Return why nothing came of it, on one line."""
    return {"toolCallId": call.id, "name": call.name, "error": " ".join(reason.split())}
