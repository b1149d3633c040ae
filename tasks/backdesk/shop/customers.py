"""The customers of the shop, as it knows them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.shop.tables import Customer


def customer_of(session: Session, desk: Desk) -> Customer | None:
    """Return whom the desk serves; None when nobody is identified, or somebody whom the shop does not know."""
    return session.get(Customer, (desk.tenant, desk.customer_id)) if desk.customer_id else None
