"""The kind `assistant.contextual`: an assistant that is told, for each request, whom it serves and how things are.

What it is told is put together once a job, before its agent begins, so that all attempts at the job work by the same
instructions. What the message teaches about the customer is kept then, and the interaction when it is answered.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field
from pydantic_core import to_jsonable_python
from sqlalchemy.exc import IntegrityError

from tasks.agents.apology import apology
from tasks.agents.card import AgentCard
from tasks.agents.exchange import answer, desk_for
from tasks.agents.kind import agent_task
from tasks.agents.offline.contextual import decide
from tasks.agents.team import Team
from tasks.contracts import ContextualRequest, ContextualResult, PreferenceSeen
from tasks.deployment import deployment
from tasks.desk import Context, Desk
from tasks.instructions import Moment, compose, moment_of
from tasks.preferences import Inference, Statement, inferences
from tasks.profile import CustomerProfile, PastInteraction, learn, note_interaction, read_profile, read_rules
from tasks.prompt_rules import Circumstances, PromptRule, applicable
from tasks.quality import QualityGate
from tasks.sentiment import MOST_MESSAGES, polarity_of, sentiment_of
from tasks.tools.knowledge import search_articles
from tasks.tools.orders import look_up_order
from tasks.tools.preferences import explain_preferences, update_preference
from tasks.tools.recommendations import recommend_products
from tasks.tools.system_status import seen, system_status
from tasks.tools.ticket import open_ticket
from tasks.topics import topics_of
from worker.context import TaskContext
from worker.conversation import Conversation
from worker.ledger import Effect
from worker.system import SystemState

#: How many rules are told at once, the most important ones.
MOST_RULES = 12
NAME = "assistant"


class Surroundings(Context):
    """What is around one request. Only how the customer sounded goes on to the next message: the rest is new then."""

    profile: CustomerProfile = CustomerProfile()
    #: Those in force, after what was stated in this request.
    preferences: dict[str, str] = Field(default_factory=dict)
    system: SystemState | None = None
    rules: tuple[PromptRule, ...] = ()
    moment: Moment | None = None
    learned: tuple[Statement, ...] = ()
    #: Of the last messages of the conversation, the oldest first.
    polarities: tuple[float, ...] = ()

    def carried(self) -> Surroundings:
        return Surroundings(polarities=self.polarities)


async def _brief(desk: Desk[Surroundings]) -> str:
    around = desk.context
    if around.system is None or around.moment is None:
        return ""
    profile = around.profile.model_copy(update={"preferences": around.preferences})
    return compose(profile, around.system, around.rules, around.moment)


ASSISTANT = AgentCard(
    name=NAME,
    duty="Answering with regard to the customer and the moment",
    tools=(
        recommend_products,
        update_preference,
        explain_preferences,
        system_status,
        look_up_order,
        search_articles,
        open_ticket,
    ),
    briefing=_brief,
    quality=QualityGate(),
)
CONTEXTUAL = Team("contextual", (ASSISTANT,), rules=decide, context=Surroundings)


@agent_task("assistant.contextual", fallback=apology(ContextualResult, CONTEXTUAL))
async def assistant_contextual(ctx: TaskContext, request: ContextualRequest) -> ContextualResult:
    """Answer a customer with regard to their tier, preferences and last conversations, and to how the system is."""
    desk: Desk[Surroundings] = desk_for(ctx, deployment(), request)
    past = await ctx.recall(desk.conversation_id, owner=desk.customer_id, newest=1)
    past.check_open()
    around = await ctx.step("around", _look_around, ctx, desk, past, request.message, effect=Effect.IDEMPOTENT)
    exchange = await answer(ctx, CONTEXTUAL, request, around)
    result = exchange.result(ContextualResult, **_shown(exchange.context))
    await ctx.step("interaction", _note, desk, request.message, result, effect=Effect.IDEMPOTENT)
    return result


async def _look_around(ctx: TaskContext, desk: Desk[Surroundings], past: Conversation, message: str) -> Surroundings:
    before = CONTEXTUAL.known(past).polarities
    polarities = (*before, await asyncio.to_thread(polarity_of, message))[-MOST_MESSAGES:]
    inferred = inferences(message)
    learned, profile, rules = await desk.database.in_thread(lambda: _learn_and_read(desk, inferred))
    at = desk.database.now()
    hours, sentiment, topics = desk.settings.business_hours, sentiment_of(polarities), topics_of(message)
    local = at.astimezone(ZoneInfo(profile.time_zone))
    holding = applicable(rules, Circumstances(local.date(), profile.tier, sentiment, topics))[:MOST_RULES]
    around = Surroundings(
        profile=profile,
        preferences=profile.preferences,
        system=await desk.system(),
        rules=holding,
        moment=moment_of(at, profile.time_zone, hours, sentiment, topics),
        learned=tuple(learned),
        polarities=polarities,
    )
    ctx.emit("instructions", **to_jsonable_python(_shown(around)))
    return around


def _learn_and_read(
    desk: Desk[Surroundings], inferred: list[Inference]
) -> tuple[list[Statement], CustomerProfile, list[PromptRule]]:
    learned = _learn(desk, inferred) if inferred and desk.customer_id is not None else []
    with desk.database.read() as session:
        return learned, read_profile(session, desk.tenant, desk.customer_id), read_rules(session, desk.tenant)


def _learn(desk: Desk[Surroundings], inferred: list[Inference]) -> list[Statement]:
    def once() -> list[Statement]:
        with desk.database.write() as session:
            return learn(
                session,
                desk.tenant,
                str(desk.customer_id),
                inferred,
                by=NAME,
                at=desk.database.now(),
                key=desk.key("learned"),
            )

    try:
        return once()
    except IntegrityError:  # an attempt that was thought dead has learned it at the same moment
        return once()


async def _note(desk: Desk[Surroundings], message: str, result: ContextualResult) -> None:
    customer = desk.customer_id
    if customer is None:
        return
    interaction = PastInteraction(
        at=desk.database.now(), asked=message, answered=result.answer, sentiment=result.sentiment or "neutral"
    )

    def work() -> None:
        with suppress(IntegrityError), desk.database.write() as session:
            note_interaction(session, desk.tenant, customer, desk.key("interaction"), interaction)

    await desk.database.in_thread(work)


def _shown(around: Surroundings) -> dict[str, Any]:
    """Return what results show of it."""
    if around.system is None or around.moment is None:
        return {}
    return {
        "sentiment": around.moment.sentiment,
        "rules": [rule.name for rule in around.rules],
        "preferences": around.preferences,
        "learned": [PreferenceSeen(**each.model_dump(include={"name", "value", "reason"})) for each in around.learned],
        "local_time": around.moment.at.astimezone(ZoneInfo(around.profile.time_zone)),
        "business_hours": around.moment.open,
        "system": seen(around.system),
    }
