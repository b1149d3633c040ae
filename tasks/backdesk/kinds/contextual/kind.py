"""The kind `assistant.contextual`: an assistant that is told, for each request, whom it serves and how things are.

What it is told is put together once a job, before its agent begins, so that all attempts at the job work by the same
instructions. What the message teaches about the customer is kept by the agent's tool, the interaction at the end.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pydantic_core import to_jsonable_python
from sqlalchemy.exc import IntegrityError

from backdesk.agents import Agent, Desk, Team, agent_task, converse, desk_for
from backdesk.kinds.contextual.contract import ContextualRequest, ContextualResult
from backdesk.kinds.contextual.profile import PastInteraction, note_interaction
from backdesk.kinds.contextual.rules import decide
from backdesk.kinds.contextual.surroundings import Surroundings, look_around
from backdesk.kinds.contextual.tools.preferences import explain_preferences, update_preference
from backdesk.kinds.contextual.tools.recommendations import recommend_products
from backdesk.quality import QualityGate
from backdesk.service.apology import apology
from backdesk.service.knowledge.tool import search_articles
from backdesk.service.tickets import open_ticket
from backdesk.shop.orders import look_up_order
from backdesk.tools.status import system_status
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.memory.conversation import Conversation

PROMPTS = Path(__file__).with_name("prompts")


async def brief(desk: Desk[Surroundings]) -> str:
    """Tell the agent what was found around the request."""
    return desk.context.told()


ASSISTANT = Agent(
    "assistant",
    PROMPTS / "assistant.md",
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
    quality=QualityGate(claims=True),
)
CONTEXTUAL = Team("contextual", (ASSISTANT,), rules=decide, context=Surroundings)


@agent_task("assistant.contextual", agents=CONTEXTUAL, fallback=apology(ContextualResult, CONTEXTUAL))
async def assistant_contextual(ctx: TaskContext, request: ContextualRequest) -> ContextualResult:
    """Answer a customer with regard to their tier, preferences and last conversations, and to how the system is."""
    desk: Desk[Surroundings] = desk_for(ctx, request)
    past = await ctx.recall(desk.conversation_id, owner=desk.customer_id, newest=1)
    past.check_open()
    around = await ctx.step("around", _look_around, ctx, desk, past, request.message, effect=Effect.IDEMPOTENT)
    exchange = await converse(ctx, CONTEXTUAL, request, around)
    result = exchange.result(ContextualResult, **exchange.context.shown())
    await ctx.step("interaction", _note, desk, request.message, result, effect=Effect.IDEMPOTENT)
    return result


async def _look_around(ctx: TaskContext, desk: Desk[Surroundings], past: Conversation, message: str) -> Surroundings:
    around = await look_around(desk, CONTEXTUAL.known(past).polarities, message)
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
