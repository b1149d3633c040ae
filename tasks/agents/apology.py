"""What a customer hears when the agents could not finish: that a person will look at it, and under which ticket.

No model has a part in it, so that it works when the model does not.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tasks.agents.exchange import desk_for
from tasks.agents.provider import current_model
from tasks.agents.team import Team
from tasks.contracts import Action, AgentRequest, AgentResult, ModelUsage
from tasks.deployment import deployment
from tasks.desk import Desk
from tasks.tools.appointments import appointments_changed
from tasks.tools.checkout import orders_placed
from tasks.tools.refund import refunds_made
from tasks.tools.ticket import open_ticket
from worker.context import TaskContext
from worker.failure import Failure

#: Who answers, in place of an agent.
NAME = "fallback"

R = TypeVar("R", bound=AgentResult)

_log = logging.getLogger(__name__)


def apology(result: type[R], team: Team) -> Callable[[TaskContext, AgentRequest, Failure], Awaitable[R]]:
    """Return the fallback of a kind: it answers in place of the team, and lists what that has done."""

    async def apologize(ctx: TaskContext, request: AgentRequest, failure: Failure) -> R:
        here = deployment()
        model = current_model(here.settings, team.rules)
        desk = desk_for(ctx, here, request)
        actions = await _hand_to_person(desk, request, failure)
        return result(
            answer=_answer(actions),
            agent=NAME,
            path=[NAME],
            actions=actions,
            conversation_id=desk.conversation_id,
            usage=ModelUsage.model_validate(ctx.usage.model_dump()),
            model=model.name,
            offline=model.offline,
            degraded="fallback_answer",
        )

    return apologize


async def _hand_to_person(desk: Desk, request: AgentRequest, failure: Failure) -> list[Action]:
    try:
        made: list[Action] = [*await refunds_made(desk), *await orders_placed(desk), *await appointments_changed(desk)]
        done = "".join(f"\nDone already: {each.model_dump_json()}" for each in made)
        details = f"{request.message}\n\nWhy: {failure.message} ({failure.code}, {failure.reference}){done}"
        ticket = await open_ticket(desk, "A message that could not be answered automatically", details, "high")
    except Exception:  # noqa: BLE001 - an apology without a ticket is better than an error
        _log.exception("ticket_not_opened")
        return []
    return [*made, ticket.action()]


def _answer(actions: list[Action]) -> str:
    if not actions:
        return "We are sorry: we could not finish this now. Please send your message again a little later."
    done = [
        f" Refund {each.refund_id} for order {each.order_number} is made." for each in actions if each.type == "refund"
    ]
    done += [f" Order {each.order_number} is placed." for each in actions if each.type == "order"]
    done += [f" The appointment is {each.change}." for each in actions if each.type == "appointment"]
    tickets = [f" (ticket {each.ticket_id})" for each in actions if each.type == "ticket"]
    return f"We are sorry: we could not finish this now. A person will look at it{''.join(tickets)}.{''.join(done)}"
