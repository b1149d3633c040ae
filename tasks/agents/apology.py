"""What a customer hears when the agents could not finish: that a person answers, and until when.

No model has a part in it, so that it works when the model does not.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tasks.agents.exchange import desk_for
from tasks.agents.journal import QUALITY
from tasks.agents.provider import current_model
from tasks.agents.team import Team
from tasks.contracts import Action, AgentRequest, AgentResult, ModelUsage
from tasks.contracts.quality import QualityReport
from tasks.deployment import deployment
from tasks.desk import Desk
from tasks.tools.appointments import appointments_changed
from tasks.tools.checkout import orders_placed
from tasks.tools.escalation import EscalationReceipt, escalate
from tasks.tools.refund import refunds_made
from tasks.tools.ticket import tickets_opened
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
        escalation, actions = await _hand_to_person(desk, request, failure)
        return result(
            answer=_answer(escalation, actions),
            agent=NAME,
            path=[NAME],
            actions=actions,
            conversation_id=desk.conversation_id,
            usage=ModelUsage.model_validate(ctx.usage.model_dump(include=set(ModelUsage.model_fields))),
            model=model.name,
            offline=model.offline,
            quality=_quality(ctx, failure, escalated=escalation is not None),
            degraded="fallback_answer",
        )

    return apologize


def _quality(ctx: TaskContext, failure: Failure, *, escalated: bool) -> QualityReport | None:
    report: QualityReport | None = ctx.aside.get(QUALITY)
    if report is None or failure.code != "quality_failed":
        return None
    return report.model_copy(update={"outcome": "escalated" if escalated else "fallback"})


async def _hand_to_person(
    desk: Desk, request: AgentRequest, failure: Failure
) -> tuple[EscalationReceipt | None, list[Action]]:
    """Return the promise that a person answers, and all that this job has done for the customer; or neither."""
    try:
        done: list[Action] = [*await refunds_made(desk), *await orders_placed(desk), *await appointments_changed(desk)]
        done += await tickets_opened(desk)
        already = "".join(f"\nDone already: {each.model_dump_json()}" for each in done)
        details = f"{request.message}\n\nWhy: {failure.message} ({failure.code}, {failure.reference}){already}"
        escalation = await escalate(desk, "repeated_failure", "Could not be answered automatically", details)
    except Exception:  # noqa: BLE001 - an apology without a promise is better than an error
        _log.exception("not_escalated")
        return None, []
    return escalation, [*done, escalation.action()]


def _answer(escalation: EscalationReceipt | None, actions: list[Action]) -> str:
    if escalation is None:
        return "We are sorry: we could not finish this now. Please send your message again a little later."
    done = [
        f" Refund {each.refund_id} for order {each.order_number} is made." for each in actions if each.type == "refund"
    ]
    done += [f" Order {each.order_number} is placed." for each in actions if each.type == "order"]
    done += [f" The appointment is {each.change}." for each in actions if each.type == "appointment"]
    promise = f"{escalation.promise} (Escalation {escalation.escalation_id}.)"
    return f"We are sorry: we could not finish this now. {promise}{''.join(done)}"
