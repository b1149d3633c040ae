"""The kind `assistant.contextual`: an assistant that is told, for each request, whom it serves and how things are.

What it is told is put together once a job, before its agent begins, so that all attempts at the job work by the same
instructions. What the message teaches about the customer is kept then, and the interaction when it is answered.
"""

from __future__ import annotations

from contextlib import suppress

from pydantic_core import to_jsonable_python
from sqlalchemy.exc import IntegrityError

from tasks.agents.apology import apology
from tasks.agents.card import AgentCard
from tasks.agents.exchange import answer, desk_for
from tasks.agents.kind import agent_task
from tasks.agents.offline.contextual import decide
from tasks.agents.team import Team
from tasks.contracts import ContextualRequest, ContextualResult
from tasks.deployment import deployment
from tasks.desk import Desk
from tasks.profile import PastInteraction, note_interaction
from tasks.quality import QualityGate
from tasks.surroundings import Surroundings, look_around
from tasks.tools.knowledge import search_articles
from tasks.tools.orders import look_up_order
from tasks.tools.preferences import explain_preferences, update_preference
from tasks.tools.recommendations import recommend_products
from tasks.tools.system_status import system_status
from tasks.tools.ticket import open_ticket
from worker.context import TaskContext
from worker.conversation import Conversation
from worker.ledger import Effect

NAME = "assistant"


async def brief(desk: Desk[Surroundings]) -> str:
    """Tell the agent what was found around the request."""
    return desk.context.told()


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
    briefing=brief,
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
    result = exchange.result(ContextualResult, **exchange.context.shown())
    await ctx.step("interaction", _note, desk, request.message, result, effect=Effect.IDEMPOTENT)
    return result


async def _look_around(ctx: TaskContext, desk: Desk[Surroundings], past: Conversation, message: str) -> Surroundings:
    around = await look_around(desk, CONTEXTUAL.known(past).polarities, message, by=NAME)
    ctx.emit("instructions", **to_jsonable_python(around.shown()))
    return around


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
