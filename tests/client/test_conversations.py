"""Conversations as clients see them: read in full, listed by tenant, erased; and shown to people."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from pydantic_core import to_json

from backdesk.cli.views.transcript import Utterance, utterances
from backdesk.worker.errors import ConversationNotFound, InvalidRequest
from backdesk.worker.memory.calls import MemoryCalls, NewTurn
from tests.support.board import NOON_MS, Board
from tests.support.clients import Client

#: Each turn has a moment of its own.
MOMENTS = count(NOON_MS)


def say(board: Board, *messages: object, conversation: str = "c-1", facts: Any = None, **fields: Any) -> str:
    """Have a job add a turn; returns its id."""
    claim = board.start(board.submit(**fields))
    entry = to_json({"job_id": claim.job_id, "messages": messages, "facts": facts or {}})
    turn = NewTurn(conversation, "cust-3", entry, len(messages), closes=False)
    assert board.run(MemoryCalls(board.settings, lambda: next(MOMENTS)).turn(claim, turn))
    return claim.job_id


async def test_a_conversation_is_read_in_full(jobs: Client, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdesk.client.operations.conversations.TURNS_A_TRIP", 2)
    ids = [say(board, f"message {number}") for number in range(5)]
    found = await jobs.conversations.get("c-1", tenant="acme")
    assert [(turn.number, turn.job_id, turn.messages) for turn in found.turns] == [
        (number + 1, job_id, [f"message {number}"]) for number, job_id in enumerate(ids)
    ]
    assert (found.head.tenant, found.head.owner, found.head.turns, found.head.messages) == ("acme", "cust-3", 5, 5)


async def test_the_conversations_of_a_tenant_are_listed_newest_first(jobs: Client, board: Board) -> None:
    for conversation in ("c-1", "c-2", "c-3", "c-1"):
        say(board, "hello", conversation=conversation)
    say(board, "hello", conversation="theirs", tenant="other")
    heads = await jobs.conversations.list(tenant="acme")
    assert [(head.conversation_id, head.turns) for head in heads] == [("c-1", 2), ("c-3", 1), ("c-2", 1)]
    assert len(await jobs.conversations.list(tenant="acme", limit=2)) == 2
    assert await jobs.conversations.list() == []


async def test_what_has_expired_is_not_listed(jobs: Client, board: Board) -> None:
    say(board, "hello")
    board.client.delete(board.keys.history("acme", "c-1"))
    assert await jobs.conversations.list(tenant="acme") == []


async def test_a_conversation_that_is_forgotten_is_gone(jobs: Client, board: Board) -> None:
    say(board, "secret")
    assert await jobs.conversations.forget("c-1", tenant="acme")
    assert not await jobs.conversations.forget("c-1", tenant="acme")
    assert await jobs.conversations.list(tenant="acme") == []
    with pytest.raises(ConversationNotFound, match="'c-1' of tenant 'acme'"):
        await jobs.conversations.get("c-1", tenant="acme")


async def test_another_tenant_has_none_of_it(jobs: Client, board: Board) -> None:
    say(board, "secret")
    with pytest.raises(ConversationNotFound):
        await jobs.conversations.get("c-1", tenant="other")
    assert not await jobs.conversations.forget("c-1", tenant="other")


@pytest.mark.parametrize("name", ["", "x" * 129, "a\x00b", None])
async def test_a_name_that_is_none_is_refused(jobs: Client, name: Any) -> None:
    for ask in (jobs.conversations.get, jobs.conversations.forget):
        with pytest.raises(InvalidRequest, match="conversation_id"):
            await ask(name)


async def test_a_tenant_that_is_none_does_not_reach_the_conversation_of_another(jobs: Client, board: Board) -> None:
    say(board, "secret", conversation="of:me")
    for ask in (jobs.conversations.get, jobs.conversations.forget):
        with pytest.raises(InvalidRequest, match="tenant"):
            await ask("me", tenant="acme:of")
    with pytest.raises(InvalidRequest, match="tenant"):
        await jobs.conversations.list(tenant="acme:of")


@pytest.mark.parametrize("limit", [0, 10_001, True])
async def test_a_limit_that_is_none_is_refused(jobs: Client, limit: int) -> None:
    with pytest.raises(InvalidRequest, match="limit"):
        await jobs.conversations.list(limit=limit)


async def test_the_memory_of_a_job_tells_how_far_it_looked_back(jobs: Client, board: Board) -> None:
    say(board, "hello")
    claim = board.start(board.submit())
    for conversation in ("c-1", "c-2"):
        board.run(MemoryCalls(board.settings).recall(claim, conversation, "cust-3", None))
    remembered = await jobs.memory(claim.job_id)
    assert [(each.type, each.key, each.outcome) for each in remembered] == [
        ("recall", "c-1", "turn 1"),
        ("recall", "c-2", "nothing"),
    ]


# As people read it


def part(kind: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "request", "parts": [{"part_kind": kind, **fields}]}


@pytest.mark.parametrize(
    ("message", "who", "text"),
    [
        (part("user-prompt", content="Where is it?"), "customer", "Where is it?"),
        (part("user-prompt", content=["see", {"url": "x"}]), "customer", 'see\n{"url": "x"}'),
        (
            part(
                "user-prompt",
                content=[
                    "see",
                    {"kind": "text-content", "content": "[a.png]", "metadata": {"attached": {"id": "att-1"}}},
                ],
            ),
            "customer",
            "see\n[a.png] att-1",
        ),
        (part("text", content="On its way."), "agent", "On its way."),
        (part("tool-call", tool_name="look_up", args={"order": 7}), "agent", "-> look_up(order=7)"),
        (part("tool-call", tool_name="look_up", args='{"order": 7}'), "agent", "-> look_up(order=7)"),
        (part("tool-call", tool_name="look_up", args='{"order'), "agent", '-> look_up({"order)'),
        (part("tool-call", tool_name="ask_customer", args={"question": "Which one?"}), "agent", "Which one?"),
        (part("tool-call"), "agent", "-> ?()"),
        (part("tool-return", tool_name="look_up", content={"state": "paid"}), "look_up", '{"state": "paid"}'),
        (part("retry-prompt", tool_name="look_up", content="no such order"), "look_up", "not accepted: no such order"),
        (part("retry-feedback", content="too long"), "check", "not accepted: too long"),
        (part("hologram", content="?"), "hologram", "?"),
        ({"parts": ["what?"]}, "?", "what?"),
        ({"role": "user", "content": "hello"}, "customer", "hello"),
        ({"role": "assistant", "content": "hi"}, "agent", "hi"),
        (7, "?", "7"),
    ],
)
def test_each_kind_of_message_reads_as_what_it_is(message: Any, who: str, text: str) -> None:
    assert [*utterances([message])] == [Utterance(who, text)]


@pytest.mark.parametrize(
    "message",
    [
        part("thinking", content="hmm"),
        part("system-prompt", content="Be kind."),
        part("tool-return", tool_name="hand_over", content="Final result processed."),
    ],
)
def test_what_nobody_said_is_left_out(message: Any) -> None:
    assert [*utterances([message])] == []
