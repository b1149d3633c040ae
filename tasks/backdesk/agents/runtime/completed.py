"""What an answer may call done: what tools have returned in the conversation, and what answers before it have said."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic_ai import TextPart, ToolReturnPart
from pydantic_core import from_json

from backdesk.agents.journal import Journal
from backdesk.agents.outcome import Refusal
from backdesk.agents.proposals.terms import Proposed
from backdesk.agents.runtime.messages import History, as_text, turn_of
from backdesk.quality.completion import KnownCompletion

_PROPOSED, _REFUSED = Proposed.model_fields.keys(), Refusal.model_fields.keys()


def known_completion(messages: History, journal: Journal) -> KnownCompletion:
    """Return the check of what an answer calls done that ends these messages."""
    done: list[str] = []
    told = [*_said_before(messages, journal)]
    for part in (part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)):
        text = as_text(part.content)
        fields = _fields(text)
        if part.outcome != "retried" and fields != _PROPOSED:
            (done if journal.acts(part.tool_name) and fields != _REFUSED else told).append(text)
    return KnownCompletion(tuple(done), tuple(told))


def _said_before(messages: History, journal: Journal) -> Iterator[str]:
    """Yield what answers of former turns have said, people's and those of code among them."""
    before = messages[: len(messages) - len(turn_of(messages, journal.steered))]
    return (part.content for message in before for part in message.parts if isinstance(part, TextPart))


def _fields(text: str) -> object:
    try:
        data = from_json(text)
    except ValueError:
        return None
    return data.keys() if isinstance(data, dict) else None
