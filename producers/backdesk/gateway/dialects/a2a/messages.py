"""What a message asks for. Pure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from a2a.helpers.proto_helpers import get_data_parts, get_text_parts
from a2a.types.a2a_pb2 import Message, SendMessageRequest

from backdesk.gateway.dialects.asks import DECISION, NOTE, choices_of
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.asks import Ask
from backdesk.worker.model.contract import KindContract

#: Where a message says which skill it is for, and which ask it answers.
SKILL, ASK = "skill", "ask"
#: What a context is named by that its first message does not name.
_CONTEXTS = uuid.UUID("4b0e8a0e-6f0c-5d52-9d0a-3c1d1f4b7a11")


@dataclass(frozen=True, slots=True)
class Wish:
    """A job that a message asks for. Messages of one context are a conversation."""

    kind: str
    request: dict[str, Any]
    context_id: str
    message_id: str


def kind_of(params: SendMessageRequest, kinds: dict[str, KindContract]) -> KindContract:
    """Return the kind that a message is for: as its metadata or the tenant of its interface say, or the only one.

    Raises InvalidRequest with the kinds that can be talked to.
    """
    name = _told(params.message.metadata, SKILL) or _told(params.metadata, SKILL) or params.tenant
    talking = {each.kind: each for each in kinds.values() if each.chat is not None}
    if name in talking:
        return talking[name]
    if not name and len(talking) == 1:
        return next(iter(talking.values()))
    names = ", ".join(sorted(talking)) or "none"
    raise InvalidRequest(f"message.metadata.{SKILL}", f"{name[:100]!r} is no skill; there are: {names}")


def wish_of(message: Message, contract: KindContract) -> Wish:
    """Return the job that a message asks for: its words are the input of the kind, its data the other fields."""
    chat = contract.chat
    assert chat is not None  # noqa: S101 - `kind_of` returns no others
    request = _data(message)
    if words := text_of(message):
        request[chat.input] = words
    context_id = message.context_id or uuid.uuid5(_CONTEXTS, message.message_id).hex
    if chat.conversation is not None:
        request[chat.conversation] = context_id
    return Wish(contract.kind, request, context_id, message.message_id)


def decision_of(message: Message, ask: Ask) -> tuple[str, str]:
    """Return the decision that a message is on an ask, and a remark: its data, or words that are one of the choices.

    Raises InvalidRequest with the choices.
    """
    data = _data(message)
    decision, choices = str(data.get(DECISION) or text_of(message)).strip(), choices_of(ask)
    if not choices:
        return decision, str(data.get(NOTE) or "")
    meant = next((each for each in choices if each.casefold() == decision.casefold()), None)
    if meant is None:
        raise InvalidRequest("message.parts", f"{decision[:100]!r} is no decision; say one of: {', '.join(choices)}")
    return meant, str(data.get(NOTE) or "")


def ask_of(message: Message) -> str | None:
    """Return the name of the ask that a message says it answers."""
    return _told(message.metadata, ASK) or str(_data(message).get(ASK) or "") or None


def text_of(message: Message) -> str:
    """Return the words of a message."""
    return "\n".join(get_text_parts(message.parts))


def _told(metadata: Any, name: str) -> str:
    return str(metadata[name]) if name in metadata else ""


def _data(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for part in get_data_parts(message.parts):
        if not isinstance(part, dict):
            raise InvalidRequest("message.parts", "data must be an object: the fields of the request")
        fields |= part
    return fields
