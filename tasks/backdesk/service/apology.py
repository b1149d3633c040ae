"""What a customer hears when the agents could not finish: that a person answers, and until when.

No model has a part in it, so that it works when the model does not.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from backdesk.agents.contract import Action, AgentRequest, AgentResult, ModelUsage
from backdesk.agents.desk import Desk
from backdesk.agents.hearing import hear_without_model
from backdesk.agents.journal import QUALITY
from backdesk.agents.kind import desk_for
from backdesk.agents.provider import current_model
from backdesk.agents.team import Team
from backdesk.agents.tools import Done
from backdesk.quality.contract import QualityReport
from backdesk.service.escalations import EscalationReceipt, escalate
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.failure import Failure

#: Who answers, in place of an agent.
NAME = "fallback"

R = TypeVar("R", bound=AgentResult)

_log = logging.getLogger(__name__)


def apology(result: type[R], team: Team) -> Callable[[TaskContext, AgentRequest, Failure], Awaitable[R]]:
    """Return the fallback of a kind: it answers in place of the team, and lists what that has done."""

    async def apologize(ctx: TaskContext, request: AgentRequest, failure: Failure) -> R:
        desk = desk_for(ctx, request)
        model = current_model(desk.settings, team.rules)
        escalation, actions = await _hand_to_person(desk, team, request, failure)
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


def _tellings(team: Team) -> Iterable[Done]:
    """Return how to find out what a job has done, once for each tool of the team that does something."""
    return dict.fromkeys(tool.done for card in team.agents for tool in card.tools if tool.done)


async def _hand_to_person(
    desk: Desk, team: Team, request: AgentRequest, failure: Failure
) -> tuple[EscalationReceipt | None, list[Action]]:
    """Return the promise that a person answers, and all that this job has done for the customer; or neither."""
    try:
        await hear_without_model(desk, request)
        done = [action for tell in _tellings(team) for action in await tell(desk)]
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
    promise = f"{escalation.promise} (Escalation {escalation.escalation_id}.)"
    done = filter(None, (action.sentence() for action in actions))
    return " ".join(["We are sorry: we could not finish this now.", promise, *done])
