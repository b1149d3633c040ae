"""Whether the ledger of payments agrees with the orders. Pure: rows in, discrepancies out.

An order that was not cancelled is paid in full, once; the provider takes its fee for the payment; and the
ledger shows a refund exactly when we made one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from backdesk.platform.contract import Contract

DiscrepancyKind = Literal[
    "missing_payment",
    "duplicate_payment",
    "wrong_payment",
    "missing_fee",
    "wrong_fee",
    "missing_refund",
    "unrecorded_refund",
    "wrong_refund",
    "unknown_order",
]


class Discrepancy(Contract):
    """One thing on which the ledger and the orders do not agree."""

    order_number: int
    kind: DiscrepancyKind
    expected_cents: int
    found_cents: int


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What the shop knows of an order's money, in cents; `refund_cents` is None when nothing was refunded."""

    number: int
    cancelled: bool
    total_cents: int
    refund_cents: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger."""

    order_number: int
    kind: str
    amount_cents: int
    reference: str


def fee_of(payment_cents: int) -> int:
    """Return the provider's fee for a payment: 2.9 % rounded half up, and 30 cents."""
    return (payment_cents * 29 + 500) // 1000 + 30


def reconcile(orders: Iterable[OrderFacts], entries: Iterable[Entry]) -> list[Discrepancy]:
    """Compare orders with all ledger entries that name them, by order number."""
    facts = {order.number: order for order in orders}
    booked: dict[int, list[Entry]] = {number: [] for number in facts}
    for entry in entries:
        booked.setdefault(entry.order_number, []).append(entry)
    found: list[Discrepancy] = []
    for number in sorted(booked):
        order = facts.get(number)
        found.extend(_unknown(number, booked[number]) if order is None else _check(order, booked[number]))
    return found


def _unknown(number: int, entries: list[Entry]) -> list[Discrepancy]:
    return [_discrepancy(number, "unknown_order", 0, sum(entry.amount_cents for entry in entries))]


def _check(order: OrderFacts, entries: list[Entry]) -> Iterator[Discrepancy]:
    yield from _check_payment(order, entries)
    yield from _check_fee(order, entries)
    yield from _check_refund(order, entries)


def _check_payment(order: OrderFacts, entries: list[Entry]) -> Iterator[Discrepancy]:
    expected = 0 if order.cancelled else order.total_cents
    booked, paid = _sum(entries, "payment"), _paid_once(entries)
    if expected and not booked:
        yield _discrepancy(order.number, "missing_payment", expected, 0)
    elif paid != expected:
        yield _discrepancy(order.number, "wrong_payment", expected, paid)
    if booked != paid:
        yield _discrepancy(order.number, "duplicate_payment", paid, booked)


def _check_fee(order: OrderFacts, entries: list[Entry]) -> Iterator[Discrepancy]:
    paid, fee = _paid_once(entries), _sum(entries, "fee")
    expected = fee_of(paid) if paid else 0
    if expected and not fee:
        yield _discrepancy(order.number, "missing_fee", expected, 0)
    elif fee != expected:
        yield _discrepancy(order.number, "wrong_fee", expected, fee)


def _check_refund(order: OrderFacts, entries: list[Entry]) -> Iterator[Discrepancy]:
    expected, booked = order.refund_cents or 0, _sum(entries, "refund")
    if booked == expected:
        return
    kind: DiscrepancyKind = "wrong_refund"
    if not booked:
        kind = "missing_refund"
    elif not expected:
        kind = "unrecorded_refund"
    yield _discrepancy(order.number, kind, expected, booked)


def _sum(entries: list[Entry], kind: str) -> int:
    return sum(entry.amount_cents for entry in entries if entry.kind == kind)


def _paid_once(entries: list[Entry]) -> int:
    return sum({entry.reference: entry.amount_cents for entry in entries if entry.kind == "payment"}.values())


def _discrepancy(number: int, kind: DiscrepancyKind, expected: int, found: int) -> Discrepancy:
    return Discrepancy(order_number=number, kind=kind, expected_cents=expected, found_cents=found)
