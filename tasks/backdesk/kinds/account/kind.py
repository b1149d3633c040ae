"""The kind `account.help`: a customer signs in by e-mail, and sees and changes their own account.

Signing in is the work of one agent and the account that of another; the second one's tools refuse unless the shared
context says who is signed in, and the context says so only by what the database knows about this conversation.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backdesk.agents import Agent, Desk, Team, agent_task, converse, desk_for
from backdesk.kinds.account.codes import CODE, RepeatsNoCode
from backdesk.kinds.account.contract import AccountRequest, AccountResult, SignedInCustomer
from backdesk.kinds.account.identity import identity_provider
from backdesk.kinds.account.rules import decide
from backdesk.kinds.account.sign_in import AccountContext, sign_in_of
from backdesk.kinds.account.tools.change_profile import change_profile
from backdesk.kinds.account.tools.check_code import check_code
from backdesk.kinds.account.tools.orders import list_orders
from backdesk.kinds.account.tools.profile import show_profile
from backdesk.kinds.account.tools.request_change import request_change
from backdesk.kinds.account.tools.send_code import send_code
from backdesk.kinds.account.tools.sign_out import sign_out
from backdesk.platform.deployment import deployment
from backdesk.quality import BRIEF
from backdesk.service.apology import apology
from backdesk.worker.attempt.context import TaskContext

PROMPTS = Path(__file__).with_name("prompts")


async def brief(desk: Desk[AccountContext]) -> str:
    """Say who is signed in, for an agent that begins."""
    known = desk.context
    if known.signed_in(desk.database.now()):
        return f"Signed in: {known.name} ({known.tier} customer {known.user_id})."
    return "Signed in: nobody." + (f" A code was sent to {known.email}." if known.email else "")


SIGN_IN = Agent(
    "sign_in",
    PROMPTS / "sign_in.md",
    duty="Signing the customer in",
    tools=(send_code, check_code),
    hands_to=("account",),
    briefing=brief,
    quality=replace(BRIEF, checks=(*BRIEF.checks, RepeatsNoCode())),
)
ACCOUNT = Agent(
    "account",
    PROMPTS / "account.md",
    duty="Looking after the account",
    tools=(show_profile, list_orders, change_profile, request_change, sign_out),
    hands_to=("sign_in",),
    briefing=brief,
    quality=BRIEF,
)
ACCOUNT_HELP = Team(
    "account",
    (SIGN_IN, ACCOUNT),
    rules=decide,
    context=AccountContext,
    # An address, a code, and a few that are mistyped.
    most_questions=10,
    stays=True,
    conceals=CODE,
)


@agent_task("account.help", agents=ACCOUNT_HELP, fallback=apology(AccountResult, ACCOUNT_HELP))
async def account_help(ctx: TaskContext, request: AccountRequest) -> AccountResult:
    """Sign a customer in by e-mail, and help them with their profile, orders and password."""
    here = deployment()
    identity_provider(here.settings, here.database)
    desk = desk_for(ctx, request)
    known = await here.database.in_thread(lambda: sign_in_of(desk))
    whose = request.model_copy(update={"customer_id": known.user_id or request.customer_id})
    exchange = await converse(ctx, ACCOUNT_HELP, whose, known)
    return exchange.result(AccountResult, customer=_customer(exchange.desk))


def _customer(desk: Desk[AccountContext]) -> SignedInCustomer | None:
    known = desk.context
    if not known.signed_in(desk.database.now()):
        return None
    return SignedInCustomer.model_validate(known.model_dump(include={"user_id", "name", "tier"}))
