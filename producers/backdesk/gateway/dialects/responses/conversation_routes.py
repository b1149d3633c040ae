"""Conversations, as clients of OpenAI know them: what was said, in items.

What a client says that was said is not taken: a conversation has what its jobs have said. One that was made here is
known by its id until its first response.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from backdesk.gateway.access.caller import Caller
from backdesk.gateway.service import Gateway, Operator, Reader, Served, Submitter
from backdesk.gateway.turns.answer import answer_of
from backdesk.worker.errors import ConversationNotFound, InvalidRequest
from backdesk.worker.memory.conversation import Turn

router = APIRouter(prefix="/v1/conversations", tags=["openai"])

MARK = "conv_"
#: An id that was made here: when, in milliseconds, and what nobody guesses.
_MADE = re.compile(r"^([0-9a-f]{12})[0-9a-f]{20}$")
#: Jobs that are looked up for their answers, at most.
MOST_LOOKED_UP = 200
#: How libraries of agents call the parts of a message that are words, with whose they are.
_PARTS = {"user-prompt": "user", "text": "assistant"}
_ROLES = {"user": "input_text", "assistant": "output_text"}


class CreateConversation(BaseModel):
    """A conversation to be begun. Neither items nor metadata can be given: they are what its jobs say."""

    model_config = ConfigDict(extra="ignore")

    items: list[Any] | None = None
    metadata: dict[str, Any] | None = None


@router.post("", summary="Create a conversation")
async def create(_: Submitter, body: CreateConversation | None = None) -> dict[str, Any]:
    """Return a new name. Nothing is written before the first response names it."""
    if body is not None and body.items:
        raise InvalidRequest("items", "what was said is what jobs have said; send it as the input of a response")
    if body is not None and body.metadata:
        raise InvalidRequest("metadata", "is not kept for conversations; give it to responses")
    made_ms = int(time.time() * 1000)
    return _object(f"{made_ms:012x}{secrets.token_hex(10)}", made_ms // 1000)


@router.get("/{conversation_id}", summary="Get a conversation as OpenAI's")
async def get(conversation_id: str, gateway: Served, caller: Reader) -> dict[str, Any]:
    """Return when it began."""
    name = conversation_id.removeprefix(MARK)
    made = _MADE.fullmatch(name)
    try:
        found = await gateway.client.conversations.get(name, tenant=caller.tenant_of(None))
    except ConversationNotFound:
        if made is None:
            raise
        return _object(name, int(made[1], 16) // 1000)
    began = found.head.started_at
    return _object(name, int(began.timestamp()) if began else 0)


@router.delete("/{conversation_id}", summary="Delete a conversation as OpenAI's")
async def delete(conversation_id: str, gateway: Served, caller: Operator) -> dict[str, Any]:
    """Forget what was said."""
    name = conversation_id.removeprefix(MARK)
    await gateway.client.conversations.forget(name, tenant=caller.tenant_of(None))
    return {"id": MARK + name, "object": "conversation.deleted", "deleted": True}


@router.get("/{conversation_id}/items", summary="List what was said")
async def items(
    conversation_id: str,
    gateway: Served,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
) -> dict[str, Any]:
    """Return the messages of a conversation, a page at a time."""
    said = await _said(gateway, caller, conversation_id.removeprefix(MARK))
    if order == "desc":
        said.reverse()
    start = next((place for place, item in enumerate(said, 1) if item["id"] == after), 0) if after else 0
    page = said[start : start + limit]
    first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    more = start + limit < len(said)
    return {"object": "list", "data": page, "first_id": first, "last_id": last, "has_more": more}


async def _said(gateway: Gateway, caller: Caller, name: str) -> list[dict[str, Any]]:
    try:
        found = await gateway.client.conversations.get(name, tenant=caller.tenant_of(None))
    except ConversationNotFound:
        if _MADE.fullmatch(name) is None:
            raise
        return []
    words = {turn.number: [*_words(turn)] for turn in found.turns}
    unanswered = [turn for turn in found.turns if all(role != "assistant" for role, _ in words[turn.number])]
    for turn, answer in await _answers(gateway, unanswered[-MOST_LOOKED_UP:]):
        words[turn.number].append(("assistant", answer))
    return [item for turn in found.turns for item in _items(turn, words[turn.number])]


async def _answers(gateway: Gateway, turns: list[Turn]) -> list[tuple[Turn, str]]:
    """Return what jobs have answered that gave it as the argument of a tool, as far as their records are kept."""
    chats = {each.kind: each.chat for each in await gateway.client.kinds()}
    records = await gateway.client.do(gateway.client.core.records([turn.job_id for turn in turns]))
    found = zip(turns, records, strict=True)
    return [
        (turn, answer_of(chats[record.kind], record.result))
        for turn, record in found
        if record is not None and record.result is not None and record.kind in chats
    ]


def _items(turn: Turn, words: list[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    for place, (role, text) in enumerate(words):
        content = [{"type": _ROLES[role], "text": text, **({"annotations": []} if role == "assistant" else {})}]
        named = {"id": f"msg_{turn.number}_{place}", "type": "message", "status": "completed"}
        yield {**named, "role": role, "content": content}


def _words(turn: Turn) -> Iterator[tuple[str, str]]:
    """Yield who has said what, of messages in either shape: with a role and content, or in parts."""
    for message in turn.messages:
        if not isinstance(message, dict):
            continue
        if message.get("role") in _ROLES and isinstance(message.get("content"), str):
            yield message["role"], message["content"]
        parts = message.get("parts")
        for part in parts if isinstance(parts, list) else ():
            role = _PARTS.get(part.get("part_kind", "")) if isinstance(part, dict) else None
            if role is not None and isinstance(part.get("content"), str):
                yield role, part["content"]


def _object(name: str, created_at: int) -> dict[str, Any]:
    return {"id": MARK + name, "object": "conversation", "created_at": created_at, "metadata": {}}
