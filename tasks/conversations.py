"""Conversations across jobs: what was said before, so that an answer continues where it was asked for.

A conversation is a list of turns, one for each job, and turns are only added. It belongs to a tenant and,
once a turn named a customer, to that customer: a caller that sends somebody else's conversation id gets an
error, not their words.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """What was said before this job: each turn's messages, the oldest first, and whether we asked last."""

    turns: tuple[list[Any], ...] = ()
    asked: bool = False


async def recall(desk: Desk, conversation_id: str) -> Past:
    """Return what was said before this job. Raises TaskError when the conversation is another customer's."""

    def work() -> Past:
        with desk.database.read() as session:
            turns = _turns(session, desk, conversation_id)
            _check_customer(turns, desk)
            return Past(tuple(from_json(turn.messages) for turn in turns), bool(turns) and turns[-1].clarifying)

    return await desk.database.in_thread(work)


async def remember(desk: Desk, conversation_id: str, messages: list[Any], *, clarifying: bool) -> None:
    """Add what this job said; a repeated attempt at the job replaces what the one before it added."""
    turn = ConversationTurn(
        tenant=desk.tenant,
        conversation_id=conversation_id,
        key=_key(desk),
        customer_id=desk.customer_id,
        messages=to_json(messages).decode(),
        clarifying=clarifying,
        finished_at=desk.database.now(),
    )

    def work() -> None:
        with desk.database.write() as session:
            own = {"tenant": desk.tenant, "conversation_id": conversation_id, "key": _key(desk)}
            session.execute(delete(ConversationTurn).filter_by(**own))
            session.add(turn)

    await desk.database.in_thread(work)


def _key(desk: Desk) -> str:
    return desk.key("turn")


def _turns(session: Session, desk: Desk, conversation_id: str) -> list[ConversationTurn]:
    newest = (
        select(ConversationTurn)
        .filter_by(tenant=desk.tenant, conversation_id=conversation_id)
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
