"""What an answer may call done, and what not undone: by what tools have returned, and answers before it have said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from pydantic_ai import TextPart, ToolCallPart, ToolReturnPart
from pydantic_core import from_json

from backdesk.agents.desk import Desk
from backdesk.agents.journal import Journal
from backdesk.agents.outcome import Refusal
from backdesk.agents.proposals.terms import Proposed
from backdesk.agents.proposals.verdict import Verdict
from backdesk.agents.runtime.messages import History, as_text, is_own, turn_of
from backdesk.quality.check import Check
from backdesk.quality.completion import KnownCompletion
from backdesk.quality.denial import UndeniedEffects
from backdesk.quality.references import references_in

_PROPOSED, _REFUSED = Proposed.model_fields.keys(), Refusal.model_fields.keys()


@dataclass(frozen=True, slots=True)
class _Read:
    """Texts that are read anew by whoever goes through them: most answers claim and deny nothing."""

    read: Callable[[], Iterator[str]]

    def __iter__(self) -> Iterator[str]:
        return self.read()


def completion(messages: History, journal: Journal, desk: Desk) -> list[Check]:
    """Return the checks of what an answer that ends these messages calls done and undone."""
    done, told = partial(_done, messages, journal), partial(_told, messages, journal)
    before, about = partial(_done_before, messages, journal), partial(_about, messages, journal, desk)
    return [KnownCompletion(_Read(done), _Read(told), _declined(desk)), UndeniedEffects(_Read(before), _Read(about))]


def _done(messages: History, journal: Journal) -> Iterator[str]:
    """Yield what tools have returned that act."""
    return (text for acts, text in _returned(messages, journal) if acts)


def _told(messages: History, journal: Journal) -> Iterator[str]:
    """Yield what answers of former turns have said, people's and those of code among them, and tools that only look."""
    before = (part for message in _before(messages, journal) for part in message.parts)
    yield from (part.content for part in before if isinstance(part, TextPart))
    yield from (text for acts, text in _returned(messages, journal) if not acts)


def _returned(messages: History, journal: Journal) -> Iterator[tuple[bool, str]]:
    """Yield what tools have returned, and whether they acted; nothing that was only proposed."""
    for part in (part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)):
        text = as_text(part.content)
        acts = journal.acts(part.tool_name, own=is_own(part))
        fields = _fields(text) if acts else None
        if part.outcome != "retried" and fields != _PROPOSED:
            yield acts and fields != _REFUSED, text


def _done_before(messages: History, journal: Journal) -> Iterator[str]:
    """Yield what answers of former turns have said, and what was done in them, in sentences."""
    for part in (part for message in _before(messages, journal) for part in message.parts):
        if isinstance(part, TextPart):
            yield part.content
        elif isinstance(part, ToolReturnPart):
            action = journal.action(part.tool_name, part.content) if is_own(part) else None
            yield from [action.sentence()] if action else []


def _about(messages: History, journal: Journal, desk: Desk) -> Iterator[str]:
    """Yield what this turn is about: proposals that were answered and made, and calls that act or name numbers."""
    yield from ([desk.heard.proposal.statement] if desk.heard else [])
    yield from ([desk.proposed.proposed] if desk.proposed else [])
    turn = turn_of(messages, journal.steered)
    for part in (part for message in turn for part in message.parts if isinstance(part, ToolCallPart)):
        args = part.args_as_json_str()
        if journal.acts(part.tool_name) or references_in(args):
            yield args


def _declined(desk: Desk) -> tuple[str, ...]:
    """Return what the customer has just said no to."""
    heard = desk.heard
    return (heard.proposal.statement,) if heard and heard.verdict is Verdict.DECLINE else ()


def _before(messages: History, journal: Journal) -> History:
    return messages[: len(messages) - len(turn_of(messages, journal.steered))]


def _fields(text: str) -> object:
    try:
        data = from_json(text)
    except ValueError:
        return None
    return data.keys() if isinstance(data, dict) else None
