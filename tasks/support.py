"""The kind `support.request`: a customer's message, answered by the agents of the service desk.

Triage finds out what a customer wants and hands over; asks when it cannot tell. What needs a person goes to one, with
a promise of when they answer.
"""

from __future__ import annotations

from tasks.agents.apology import apology
from tasks.agents.card import AgentCard
from tasks.agents.exchange import answer
from tasks.agents.kind import agent_task
from tasks.agents.offline.support import decide
from tasks.agents.team import Team
from tasks.contracts import SupportRequest, SupportResult
from tasks.tools.escalation import escalate
from tasks.tools.knowledge import search_articles
from tasks.tools.orders import look_up_order
from tasks.tools.payments import look_up_payments
from tasks.tools.refund import refund_order
from tasks.tools.ticket import open_ticket
from worker.context import TaskContext

TRIAGE = AgentCard(
    name="triage",
    duty="Finding out what the customer wants",
    hands_to=("refund", "technical", "billing", "escalation"),
    answers=False,
)
REFUND = AgentCard(
    name="refund",
    duty="Checking the order for a refund",
    tools=(look_up_order, refund_order, open_ticket, escalate),
    hands_to=("technical", "billing"),
)
TECHNICAL = AgentCard(
    name="technical",
    duty="Looking for a solution",
    tools=(search_articles, look_up_order, open_ticket, escalate),
    hands_to=("refund", "billing"),
)
BILLING = AgentCard(
    name="billing",
    duty="Checking the order and its payments",
    tools=(look_up_order, look_up_payments, open_ticket, escalate),
    hands_to=("refund", "technical"),
)
ESCALATION = AgentCard(
    name="escalation",
    duty="Calling a person",
    tools=(look_up_order, escalate),
    hands_to=("refund", "technical", "billing"),
)
SUPPORT = Team("support", (TRIAGE, REFUND, TECHNICAL, BILLING, ESCALATION), rules=decide)


@agent_task("support.request", fallback=apology(SupportResult, SUPPORT))
async def support_request(ctx: TaskContext, request: SupportRequest) -> SupportResult:
    """Answer a customer's message: find out what they want, let a specialist act, or ask a question."""
    exchange = await answer(ctx, SUPPORT, request)
    return exchange.result(SupportResult)
