"""What clients of chats send, as the request of a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.contract import KindContract
from backdesk.worker.text.json import NotJson, decode

#: Characters of what was said before that a request takes along, at most; the newest stay.
MOST_HISTORY = 6_000
#: Metadata of this beginning is a field of the request: `backdesk.customer_id`.
FIELD_MARK = "backdesk."
#: Types of parts of a message that are words.
_WORDS = {"text", "input_text", "output_text"}


@dataclass(frozen=True, slots=True)
class Said:
    """One message: by whom, and the words."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What is asked now, and what was said before, as the client tells it."""

    message: str
    before: Sequence[Said] = field(default_factory=tuple)


def words_of(content: Any, param: str) -> str:
    """Return the words of a message: a text, or parts that are. Raises InvalidRequest for files and images."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InvalidRequest(param, "must be a text, or a list of parts")
    words = []
    for number, part in enumerate(content):
        if not isinstance(part, Mapping) or part.get("type") not in _WORDS or not isinstance(part.get("text"), str):
            raise InvalidRequest(f"{param}[{number}]", "only text is taken; attach files by POST /v1/attachments")
        words.append(part["text"])
    return "\n".join(words)


def turn_of(messages: Sequence[Said], param: str) -> Turn:
    """Return what the last messages of the user ask, behind all that came before. Raises InvalidRequest."""
    said = [each for each in messages if each.role in {"user", "assistant"}]
    first = len(said)
    while first and said[first - 1].role == "user":
        first -= 1
    now = "\n\n".join(each.text for each in said[first:] if each.text.strip())
    if not now:
        raise InvalidRequest(param, "the last message must be the user's, and have words")
    return Turn(now, said[:first])


def told(turn: Turn) -> str:
    """Return a message that tells along what was said before, for a kind that is given no conversation of its own.

    It is quoted as the caller's word: nothing in it counts as what agents here have said or proposed.
    """
    if not turn.before:
        return turn.message
    lines: list[str] = []
    room = MOST_HISTORY
    for each in reversed(turn.before):
        line = f"> {each.role}: " + each.text.strip().replace("\n", "\n> ")
        room -= len(line)
        if room < 0:
            break
        lines.append(line)
    quoted = "\n".join(reversed(lines))
    return f"{turn.message}\n\n(Said before, as the client tells it:)\n{quoted}" if quoted else turn.message


def request_of(
    contract: KindContract, turn: Turn, conversation: str | None, fields: Mapping[str, Any], *, param: str
) -> Any:
    """Return the request of a kind: the words in its field for them, the conversation, and fields that were given.

    Words for a kind that is no chat are its request as JSON. Raises InvalidRequest.
    """
    chat = contract.chat
    if chat is None:
        try:
            given = decode(turn.message.encode())
        except (NotJson, ValueError):
            raise InvalidRequest(param, f"{contract.kind!r} is no chat: write its request as JSON") from None
        return {**given, **fields} if isinstance(given, dict) else given
    if conversation is None:
        return {chat.input: told(turn), **fields}
    if chat.conversation is None:
        raise InvalidRequest("conversation", f"{contract.kind!r} has no conversations")
    return {chat.input: turn.message, chat.conversation: conversation, **fields}


def fields_of(metadata: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of the request that metadata gives, and the metadata that is left."""
    fields = {key.removeprefix(FIELD_MARK): value for key, value in metadata.items() if key.startswith(FIELD_MARK)}
    return fields, {key: value for key, value in metadata.items() if not key.startswith(FIELD_MARK)}
