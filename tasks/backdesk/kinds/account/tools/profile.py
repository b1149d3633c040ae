"""Show the customer's profile."""

from __future__ import annotations

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.kinds.account.tools import not_signed_in
from backdesk.shop.customers import customer_of
from backdesk.shop.tables import Customer
from backdesk.worker.attempt.ledger import Effect

NO_PROFILE = Refusal(refused="The shop has no profile for this account.")


class Profile(ToolOutcome):
    """What the shop knows about the customer."""

    user_id: str
    name: str
    email: str
    tier: str
    time_zone: str

    def summary(self) -> str:
        return f"{self.name} ({self.tier}), {self.time_zone}"


@tool(Effect.PURE)
async def show_profile(desk: Desk) -> Profile | Refusal:
    """Show the profile of the customer who is signed in: name, e-mail address, tier, time zone."""
    if refused := not_signed_in(desk):
        return refused

    def work() -> Profile | Refusal:
        with desk.database.read() as session:
            customer = customer_of(session, desk)
            return NO_PROFILE if customer is None else profile_of(customer)

    return await desk.database.in_thread(work)


def profile_of(customer: Customer) -> Profile:
    """Return a profile as the agents see it."""
    return Profile(
        user_id=customer.id,
        name=customer.name,
        email=customer.email,
        tier=customer.tier,
        time_zone=customer.time_zone,
    )
