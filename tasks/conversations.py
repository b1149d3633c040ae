"""Conversations across jobs: what was said before, so that an answer continues where it was asked for.

A conversation is a list of turns, one for each job, and turns are only added. It belongs to a tenant and,
once a turn named a customer, to that customer: a caller that sends somebody else's conversation id gets an
error, not their words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tasks.desk import Desk
from tasks.tables import ConversationTurn
from worker.errors import TaskError

#: What a model gets to see of a long conversation.
MOST_TURNS = 20


@dataclass(frozen=True, slots=True)
class Past:
    """What was said before this job: each turn's messages, the oldest first, and what was known in the end."""

    turns: tuple[list[Any], ...] = ()
    #: How many of the last turns ended in a question to the customer.
    questions: int = 0
    #: The agent that was active last, None in a new conversation, and the desk's context then.
    agent: str | None = None
    context: dict[str, Any] = field(default_factory=dict)


async def recall(desk: Desk) -> Past:
    """Return what was said before this job. Raises TaskError when the conversation is another customer's."""

    def work() -> Past:
        with desk.database.read() as session:
            turns = _turns(session, desk)
            _check_customer(turns, desk)
            questions = len(list(takewhile(lambda turn: turn.clarifying, reversed(turns))))
            facts = from_json(turns[-1].facts) if turns else {}
            return Past(tuple(from_json(turn.messages) for turn in turns), questions, **facts)

    return await desk.database.in_thread(work)


async def remember(desk: Desk, messages: list[Any], *, agent: str, asked: bool) -> None:
    """Add what this job said; a repeated attempt at the job replaces what the one before it added."""
    turn = ConversationTurn(
        tenant=desk.tenant,
        conversation_id=desk.conversation_id,
        key=_key(desk),
        customer_id=desk.customer_id,
        messages=to_json(messages).decode(),
        clarifying=asked,
        facts=to_json({"agent": agent, "context": desk.context.carried().model_dump(mode="json")}).decode(),
        finished_at=desk.database.now(),
    )

    def work() -> None:
        with desk.database.write() as session:
            own = {"tenant": desk.tenant, "conversation_id": desk.conversation_id, "key": _key(desk)}
            session.execute(delete(ConversationTurn).filter_by(**own))
            session.add(turn)

    await desk.database.in_thread(work)


def _key(desk: Desk) -> str:
    return desk.key("turn")


def _turns(session: Session, desk: Desk) -> list[ConversationTurn]:
    newest = (
        select(ConversationTurn)
        .filter_by(tenant=desk.tenant, conversation_id=desk.conversation_id)
        .where(ConversationTurn.key != _key(desk))
        .order_by(ConversationTurn.id.desc())
        .limit(MOST_TURNS)
    )
    return list(session.scalars(newest))[::-1]


def _check_customer(turns: list[ConversationTurn], desk: Desk) -> None:
    owners = {turn.customer_id for turn in turns} - {None, desk.customer_id}
    if owners:
        raise TaskError(
            "conversation_mismatch",
            "The conversation belongs to another customer: send the customer_id with which it was begun.",
        )
