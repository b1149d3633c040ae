"""Years of closed orders and their ledger: enough to keep an audit busy, with known errors planted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from backdesk.shop.reconciliation import DiscrepancyKind, fee_of
from backdesk.shop.tables import Customer, LedgerEntry, Order, OrderLine, Refund

FIRST_ORDER, ORDERS = 20001, 9600
CUSTOMERS = 200
#: Every how many orders one was refunded.
REFUND_EVERY = 5
#: Every how many orders an error is planted; a multiple of neither the refunds' nor the kinds' number hits
#: all kinds.
PLANT_EVERY = 401
#: Ledger entries of orders that never were lie beyond this number.
UNKNOWN_FROM = 90001

Row = dict[str, Any]

_PLANTED_KINDS: tuple[DiscrepancyKind, ...] = (
    "missing_payment",
    "duplicate_payment",
    "wrong_payment",
    "missing_fee",
    "wrong_fee",
    "unrecorded_refund",
)
_PLANTED_ON_REFUNDS: tuple[DiscrepancyKind, ...] = ("missing_refund", "wrong_refund")


def planted() -> dict[int, DiscrepancyKind]:
    """Return the errors in the sample's ledger: for each order that has one, its kind."""
    errors: dict[int, DiscrepancyKind] = {}
    for turn, number in enumerate(range(FIRST_ORDER + 7, FIRST_ORDER + ORDERS, PLANT_EVERY)):
        kinds = _PLANTED_ON_REFUNDS if _refunded(number) else _PLANTED_KINDS
        errors[number] = kinds[turn % len(kinds)]
    return errors | dict.fromkeys(range(UNKNOWN_FROM, UNKNOWN_FROM + 3), "unknown_order")


def seed_history(session: Session, today: date) -> None:
    """Add the closed orders, their refunds and the ledger, in bulk."""
    numbers = range(FIRST_ORDER, FIRST_ORDER + ORDERS)
    session.execute(insert(Customer), [_customer(i) for i in range(CUSTOMERS)])
    session.execute(insert(Order), [_order(number, today) for number in numbers])
    session.execute(insert(OrderLine), [_line(number) for number in numbers])
    errors = planted()
    refunds = [_refund(n, today) for n in numbers if _refunded(n)]
    session.execute(insert(Refund), refunds)
    entries = [entry for number in numbers for entry in _entries(number, errors.get(number), today)]
    entries += [_entry(number, "payment", 4200, f"pay-{number}", today) for number in errors if number >= UNKNOWN_FROM]
    session.execute(insert(LedgerEntry), entries)


def _customer(index: int) -> Row:
    name, email = f"Past customer {index}", f"past-{index}@example.com"
    return {"id": f"past-{index}", "name": name, "email": email, "tier": "basic", "time_zone": "Europe/Berlin"}


def _total(number: int) -> int:
    return 990 + (number * 7919) % 24_000


def _refunded(number: int) -> bool:
    return number % REFUND_EVERY == 0


def _placed(number: int, today: date) -> date:
    return today - timedelta(days=90 + (FIRST_ORDER + ORDERS - number) // 8)


def _order(number: int, today: date) -> Row:
    placed = _placed(number, today)
    return {
        "number": number,
        "customer_id": f"past-{number % CUSTOMERS}",
        "status": "delivered",
        "total_cents": _total(number),
        "placed_on": placed,
        "delivered_on": placed + timedelta(days=4),
        "used": number % 3 == 0,
    }


def _line(number: int) -> Row:
    return {"order_number": number, "product_id": 1 + number % 8, "quantity": 1, "unit_cents": _total(number)}


def _refund(number: int, today: date) -> Row:
    made_at = datetime.combine(_placed(number, today) + timedelta(days=11), time(12), UTC)
    return {
        "id": f"R-{number}",
        "order_number": number,
        "amount_cents": _total(number),
        "reason": "returned unused",
        "key": "",
        "made_at": made_at,
    }


def _entries(number: int, error: DiscrepancyKind | None, today: date) -> Iterator[Row]:
    """Yield the ledger of one order; `error` is the one thing that is wrong in it."""
    placed, total = _placed(number, today), _total(number)
    # A payment that is missing or wrong comes with the fee that fits it, so that each error shows as one
    # discrepancy.
    paid = {"missing_payment": 0, "wrong_payment": total - 100}.get(error or "", total)
    payment = _entry(number, "payment", paid, f"pay-{number}", placed)
    if paid:
        yield payment
    if error == "duplicate_payment":
        yield payment
    if paid and error != "missing_fee":
        yield _entry(number, "fee", fee_of(paid) + (25 if error == "wrong_fee" else 0), f"fee-{number}", placed)
    if (_refunded(number) and error != "missing_refund") or error == "unrecorded_refund":
        refund = total - (500 if error == "wrong_refund" else 0)
        yield _entry(number, "refund", refund, f"ref-{number}", placed + timedelta(days=11))


def _entry(number: int, kind: str, cents: int, reference: str, day: date) -> Row:
    return {
        "order_number": number,
        "kind": kind,
        "amount_cents": cents,
        "reference": reference,
        "booked_on": day,
    }
