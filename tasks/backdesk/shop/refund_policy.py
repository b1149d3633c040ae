"""When an order may be refunded. Pure: facts in, the reason of a refusal out.

That an order is refunded only once is no rule to check here: the database does not hold two refunds of one
order.
"""

from __future__ import annotations

from datetime import date

#: Days after the delivery, the last one included.
REFUND_DAYS = 30


def refusal_reason(*, status: str, delivered_on: date | None, used: bool, today: date) -> str | None:
    """Return why an order cannot be refunded, as a sentence for the customer, or None when it can."""
    if status == "cancelled":
        return "The order was cancelled, so nothing was charged for it."
    if status != "delivered" or delivered_on is None:
        return f"The order has not been delivered yet (it is {status})."
    days = (today - delivered_on).days
    if days > REFUND_DAYS:
        return f"The order was delivered {days} days ago; refunds are possible within {REFUND_DAYS} days."
    if used:
        return "The order is marked as used; only unused orders can be refunded."
    return None
