"""The words of a result."""

from __future__ import annotations

from typing import Any

from backdesk.worker.model.chat import Chat
from backdesk.worker.text.json import encode


def answer_of(chat: Chat | None, result: Any) -> str:
    """Return the words of a result: its field for them, or all of it as JSON where there is none."""
    if chat is not None and isinstance(result, dict) and isinstance(result.get(chat.output), str):
        return str(result[chat.output])
    return encode(result).decode()
