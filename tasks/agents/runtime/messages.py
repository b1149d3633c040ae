"""The messages of a conversation, as the library has them and as JSON."""

from __future__ import annotations

from dataclasses import replace

from pydantic_ai import ModelMessage, ModelMessagesTypeAdapter, ModelRequest

History = list[ModelMessage]


def dump_history(messages: History) -> str:
    """Write messages as JSON, without the instructions: a later run gives its own."""
    bare = [replace(each, instructions=None) if isinstance(each, ModelRequest) else each for each in messages]
    return ModelMessagesTypeAdapter.dump_json(bare).decode()


def load_history(data: str) -> History:
    """Read what `dump_history` wrote, also with an older version of the library."""
    return ModelMessagesTypeAdapter.validate_json(data)
