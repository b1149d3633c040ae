"""What a customer hears when the agents could not finish: what is done, what is not, and when a person answers.

No model has a part in it, so that it works when the model does not.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from backdesk.agents.aftermath import desk_of, done_at, past_of, remember
from backdesk.agents.contract import Action, AgentRequest, AgentResult, ModelUsage
from backdesk.agents.desk import Desk
from backdesk.agents.hearing import hear_without_model
from backdesk.agents.journal import QUALITY
from backdesk.agents.phrases import Phrases, moment
from backdesk.agents.provider import model_name
from backdesk.agents.team import Team
from backdesk.quality.contract import QualityReport
from backdesk.service.contract import PHRASES, Escalated, EscalationCause
from backdesk.service.escalations import EscalationReceipt, hand_to_person
from backdesk.service.matters import cause_of
from backdesk.shop.customers import time_zone_of
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.failure import Failure

#: Who answers, in place of an agent.
NAME = "fallback"

R = TypeVar("R", bound=AgentResult)

_log = logging.getLogger(__name__)


def apology(
    result: type[R],
    team: Team,
    *,
    phrases: Phrases = PHRASES,
    more: Callable[[list[Action]], dict[str, Any]] = lambda _done: {},
) -> Callable[[TaskContext, AgentRequest, Failure], Awaitable[R]]:
    """Return the fallback of a kind: it answers in place of the team, and the conversation remembers that.

    `phrases` are the words: `sorry` that nothing could be finished, or the `rest` where something is done; the
    `promise` that a person answers, or to try again `later`. `more` returns the fields that only this kind has, by
    what was done.
    """

    async def apologize(ctx: TaskContext, request: AgentRequest, failure: Failure) -> R:
        desk = await desk_of(ctx, request, team)
        message = team.conceal(request.message)
        await _hear(desk, request)
        done = await done_at(ctx, team, desk)
        past = await past_of(ctx, desk)
        language = desk.language
        escalation = await _escalation(desk, cause_of(message, language), message, failure, done)
        if escalation is not None:
            ctx.measure(Escalated.counts, 1)
        said = " ".join(filter(None, await _sentences(phrases, language, desk, escalation, done)))
        await remember(ctx, team, desk, past, message=request.message, answer=said)
        promised = escalation and escalation.action()
        return result(
            answer=said,
            agent=NAME,
            path=[NAME],
            actions=[*done, promised] if promised and promised not in done else done,
            conversation_id=desk.conversation_id,
            prompts=list(desk.prompts),
            usage=ModelUsage.model_validate(ctx.usage.model_dump(include=set(ModelUsage.model_fields))),
            model=model_name(desk.settings),
            offline=desk.settings.offline,
            quality=_quality(ctx, failure, escalated=escalation is not None),
            degraded="fallback_answer",
            failure=failure.code,
            **more(done),
        )

    return apologize


async def _hear(desk: Desk, request: AgentRequest) -> None:
    try:
        await hear_without_model(desk, request)
    except Exception:  # noqa: BLE001 - whatever becomes of a proposal, the customer is told
        _log.exception("not_heard")


async def _escalation(
    desk: Desk, cause: EscalationCause, message: str, failure: Failure, done: list[Action]
) -> EscalationReceipt | None:
    """Return the promise that a person answers; None when there is nobody to give it."""
    already = "".join(f"\nDone already: {each.model_dump_json()}" for each in done)
    details = f"{message}\n\nWhy: {failure.message} ({failure.code}, {failure.reference}){already}"
    try:
        return await hand_to_person(desk, cause, "Could not be answered automatically", details, "normal")
    except Exception:  # noqa: BLE001 - an apology without a promise is better than an error
        _log.exception("not_escalated")
        return None


async def _sentences(
    phrases: Phrases, language: str, desk: Desk, escalation: EscalationReceipt | None, done: list[Action]
) -> list[str]:
    told = [*filter(None, (action.sentence(language) for action in done))]
    sorry = phrases.say("rest" if told else "sorry", language)
    return [*told, sorry, await _outlook(phrases, language, desk, escalation)]


async def _outlook(phrases: Phrases, language: str, desk: Desk, escalation: EscalationReceipt | None) -> str:
    if escalation is None:
        return phrases.say("later", language)
    when = moment(escalation.respond_by, await time_zone_of(desk), language)
    return phrases.say("promise", language, when=when, number=escalation.escalation_id)


def _quality(ctx: TaskContext, failure: Failure, *, escalated: bool) -> QualityReport | None:
    report: QualityReport | None = ctx.aside.get(QUALITY)
    if report is None or failure.code != "quality_failed":
        return None
    return report.model_copy(update={"outcome": "escalated" if escalated else "fallback"})
