"""The kind `support.request`: a customer's message, answered by the agents of the service desk.

Triage finds out what a customer wants and hands over; asks when it cannot tell. What needs a person goes to one, with
a promise of when they answer.
"""

from __future__ import annotations

from pathlib import Path

from backdesk.agents import Agent, Team, agent_task, answer
from backdesk.kinds.support.contract import SupportRequest, SupportResult
from backdesk.kinds.support.rules import decide
from backdesk.quality import BRIEF
from backdesk.service.apology import apology
from backdesk.service.escalations import escalate
from backdesk.service.knowledge.tool import search_articles
from backdesk.service.tickets import open_ticket
from backdesk.shop.orders import look_up_order
from backdesk.shop.payments import look_up_payments
from backdesk.shop.refund import refund_order
from backdesk.worker.attempt.context import TaskContext

PROMPTS = Path(__file__).with_name("prompts")

TRIAGE = Agent(
    "triage",
    PROMPTS / "triage.md",
    duty="Finding out what the customer wants",
    hands_to=("refund", "technical", "billing", "escalation"),
    answers=False,
    quality=BRIEF,
)
REFUND = Agent(
    "refund",
    PROMPTS / "refund.md",
    duty="Checking the order for a refund",
    tools=(look_up_order, refund_order, open_ticket, escalate),
    hands_to=("technical", "billing"),
    quality=BRIEF,
)
TECHNICAL = Agent(
    "technical",
    PROMPTS / "technical.md",
    duty="Looking for a solution",
    tools=(search_articles, look_up_order, open_ticket, escalate),
    hands_to=("refund", "billing"),
    quality=BRIEF,
)
BILLING = Agent(
    "billing",
    PROMPTS / "billing.md",
    duty="Checking the order and its payments",
    tools=(look_up_order, look_up_payments, open_ticket, escalate),
    hands_to=("refund", "technical"),
    quality=BRIEF,
)
ESCALATION = Agent(
    "escalation",
    PROMPTS / "escalation.md",
    duty="Calling a person",
    tools=(look_up_order, escalate),
    hands_to=("refund", "technical", "billing"),
    quality=BRIEF,
)
SUPPORT = Team(
    "support",
    (TRIAGE, REFUND, TECHNICAL, BILLING, ESCALATION),
    rules=decide,
)


@agent_task("support.request", agents=SUPPORT, fallback=apology(SupportResult, SUPPORT))
async def support_request(ctx: TaskContext, request: SupportRequest) -> SupportResult:
    """Answer a customer's message: find out what they want, let a specialist act, or ask a question."""
    return await answer(ctx, SUPPORT, request, SupportResult)
