"""What is left of a message that no agent came to answer: at whose desk, what was done, what the conversation keeps.

Facts about effects come from the ledger of the job and from the tools themselves, never from what a model has said.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any

from backdesk.agents.contract import Action, AgentRequest
from backdesk.agents.desk import Desk
from backdesk.agents.effects import effects_of
from backdesk.agents.journal import DESK
from backdesk.agents.kind import desk_for, past_words
from backdesk.agents.runtime import conceal_history, dump_history, prompt_of, spoken_turn
from backdesk.agents.team import Team
from backdesk.agents.tools import Tool
from backdesk.agents.with_person import is_with_person
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.errors import TaskError
from backdesk.worker.memory.conversation import Conversation, Head

_log = logging.getLogger(__name__)


async def desk_of(ctx: TaskContext, request: AgentRequest, team: Team) -> Desk:
    """Return the desk at which the agents worked; one like it when they did not come to that."""
    desk: Desk | None = ctx.aside.get(DESK)
    if desk is not None:
        return desk
    desk = desk_for(ctx, request)
    past = await past_of(ctx, desk)
    desk.context, desk.said_before = team.known(past), past_words(past)
    return desk


async def past_of(ctx: TaskContext, desk: Desk) -> Conversation:
    """Return what was said before; nothing where it may not be seen."""
    try:
        return await ctx.recall(desk.conversation_id, owner=desk.customer_id, newest=1)
    except TaskError:
        return Conversation(head=Head(conversation_id=desk.conversation_id, tenant=desk.tenant))


async def done_at(ctx: TaskContext, team: Team, desk: Desk) -> list[Action]:
    """Return what this job has done for the customer, whichever attempt did it, in the order in which it was done."""
    found = [*effects_of(ctx, _tools(team)), *desk.actions, *[action async for action in _of_tools(team, desk)]]
    return [action for at, action in enumerate(found) if action not in found[:at]]


async def remember(ctx: TaskContext, team: Team, desk: Desk, past: Conversation, *, message: str, answer: str) -> None:
    """Keep a message with the answer that no agent gave, as the turn of this job; another attempt replaces it."""
    turn = conceal_history(dump_history(spoken_turn(prompt_of(message, desk.attached), answer)), team.conceal)
    agent = desk.transfers[-1].agent if desk.transfers else team.first.name
    known = desk.context.carried().model_dump(mode="json")
    facts = past.facts if is_with_person(past) else {"team": team.name, "agent": agent, "context": known}
    try:
        await ctx.remember(desk.conversation_id, turn, owner=desk.customer_id, facts=facts)
    except TaskError:  # the customer hears the answer all the same
        _log.exception("turn_not_remembered")


async def _of_tools(team: Team, desk: Desk) -> AsyncIterator[Action]:
    for tell in dict.fromkeys(tool.done for tool in _tools(team) if tool.done):
        try:
            done = await tell(desk)
        except Exception:  # noqa: BLE001 - what the ledger knows is told all the same
            _log.exception("effects_not_told")
        else:
            for action in done:
                yield action


def _tools(team: Team) -> Iterable[Tool[..., Any]]:
    return dict.fromkeys(tool for card in team.agents for tool in card.tools)
