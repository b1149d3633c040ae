"""The messages of a conversation, as the library has them and as JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic_ai import ModelMessage, ModelMessagesTypeAdapter, ModelRequest, UserPromptPart
from pydantic_core import to_json

History = list[ModelMessage]


def turn_of(messages: History) -> History:
    """Return the messages since the customer wrote last.

    The library joins requests that follow each other, so that the customer's words can be one message with what ended
    the turn before; counting messages would lose them.
    """
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        prompts = [at for at, part in enumerate(message.parts) if isinstance(part, UserPromptPart)]
        if isinstance(message, ModelRequest) and prompts:
            return [replace(message, parts=message.parts[prompts[0] :]), *messages[index + 1 :]]
    return []


def chars_of(message: ModelMessage) -> int:
    """Count what is said in a message, as text."""
    return sum(_size(part) for part in message.parts)


def _size(part: object) -> int:
    content = getattr(part, "content", None) or getattr(part, "args", None) or ""
    return len(content) if isinstance(content, str) else len(to_json(content, fallback=str))


def dump_history(messages: History) -> list[Any]:
    """Return messages as JSON, without the instructions: a later run gives its own."""
    bare = [replace(each, instructions=None) if isinstance(each, ModelRequest) else each for each in messages]
    dumped: list[Any] = ModelMessagesTypeAdapter.dump_python(bare, mode="json")
    return dumped


def load_history(data: list[Any]) -> History:
    """Read what `dump_history` returned, also with an older version of the library."""
    return ModelMessagesTypeAdapter.validate_python(data)
