"""The customers of the shop, as it knows them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.shop.tables import Customer


def customer_of(session: Session, desk: Desk) -> Customer | None:
    """Return whom the desk serves; None when nobody is identified, or somebody whom the shop does not know."""
    return session.get(Customer, (desk.tenant, desk.customer_id)) if desk.customer_id else None


async def time_zone_of(desk: Desk) -> str:
    """Return by which clocks the customer is told of a moment."""

    def work() -> str:
        with desk.database.read() as session:
            return zone_of(session, desk)

    return await desk.database.in_thread(work)


def zone_of(session: Session, desk: Desk) -> str:
    """Return the same within a session."""
    customer = customer_of(session, desk)
    return customer.time_zone if customer else desk.settings.business_hours.time_zone
