"""The sample shop: customers, products, and orders 10001 to 10040 in every situation a rule asks about.

Order 10003 can be refunded. Order 100NN belongs to customer `cust-1` to `cust-8`, in turn: 10003 to `cust-3`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from backdesk.platform.samples import Sample
from backdesk.shop.reconciliation import fee_of
from backdesk.shop.sample_history import seed_history
from backdesk.shop.tables import Customer, LedgerEntry, Order, OrderLine, Product, Refund
from backdesk.worker.model.job import DEFAULT_TENANT


class SampleProduct(NamedTuple):
    """A product; its id is the place in the list, from 1."""

    name: str
    price_cents: int
    category: str
    stock: int
    description: str


class SampleCustomer(NamedTuple):
    """A customer; the id is `cust-` and the place in the list, from 1."""

    name: str
    tier: str
    time_zone: str


PRODUCTS = [
    SampleProduct("Aurora desk lamp", 5900, "lighting", 40, "A dimmable desk lamp with a warm and a cold light."),
    SampleProduct("Breeze headphones", 12900, "audio", 25, "Over-ear headphones that cancel noise, for 30 hours."),
    SampleProduct("Cobalt keyboard", 8900, "computing", 30, "A quiet mechanical keyboard for three devices."),
    SampleProduct("Drift mouse", 3900, "computing", 60, "A light wireless mouse with a button for its sensitivity."),
    SampleProduct("Ember smart plug", 2400, "smart home", 120, "Switches and measures whatever is plugged in."),
    SampleProduct("Fjord router", 14900, "networking", 12, "A mesh router for a flat, with guest network."),
    SampleProduct("Glide webcam", 6900, "computing", 1, "A webcam in full HD with a privacy shutter."),
    SampleProduct("Halo speaker", 9900, "audio", 0, "A round speaker for a room, with Bluetooth."),
]
CUSTOMERS = [
    SampleCustomer("Ada Moreau", "premium", "Europe/Paris"),
    SampleCustomer("Ben Okafor", "basic", "Africa/Lagos"),
    SampleCustomer("Chiara Rossi", "enterprise", "Europe/Rome"),
    SampleCustomer("Daan Visser", "basic", "Europe/Amsterdam"),
    SampleCustomer("Elif Kaya", "premium", "Europe/Istanbul"),
    SampleCustomer("Finn Larsen", "basic", "Europe/Copenhagen"),
    SampleCustomer("Grace Liu", "enterprise", "America/Los_Angeles"),
    SampleCustomer("Hugo Silva", "basic", "America/Sao_Paulo"),
]
FIRST_ORDER, LAST_ORDER = 10001, 10040


class Situation(NamedTuple):
    """How an order stands on the day of the seeding."""

    status: str
    delivered_days_ago: int | None = None
    used: bool = False
    refunded: bool = False


#: Orders 10001 to 10010; the others repeat them, each round delivered a day earlier.
SITUATIONS = [
    Situation("delivered", 3),
    Situation("delivered", 45),
    Situation("delivered", 8),
    Situation("delivered", 5, used=True),
    Situation("shipped"),
    Situation("delivered", 12, refunded=True),
    Situation("cancelled"),
    Situation("delivered", 27),
    Situation("delivered", 33),
    Situation("paid"),
]


def is_in(session: Session) -> bool:
    """Whether the sample shop is still in the database, all of it that other samples refer to."""
    customers = [session.get(Customer, (DEFAULT_TENANT, f"cust-{i}")) for i in range(1, len(CUSTOMERS) + 1)]
    products = [session.get(Product, i) for i in range(1, len(PRODUCTS) + 1)]
    emails, names = [each and each.email for each in customers], [each and each.name for each in products]
    return emails == [_email(each) for each in CUSTOMERS] and names == [each.name for each in PRODUCTS]


def fits(session: Session) -> bool:
    """Whether the shop is empty: the sample never comes among the customers and orders of another one."""
    return all(session.scalars(select(table).limit(1)).first() is None for table in (Customer, Product, Order))


def seed(session: Session, today: date) -> None:
    """Fill an empty database. All days are counted back from `today`."""
    session.add_all(Product(id=i, **product._asdict()) for i, product in enumerate(PRODUCTS, 1))
    session.add_all(
        Customer(id=f"cust-{i}", email=_email(customer), **customer._asdict())
        for i, customer in enumerate(CUSTOMERS, 1)
    )
    session.flush()
    for number in range(FIRST_ORDER, LAST_ORDER + 1):
        _add_order(session, number, today)
    seed_history(session, today)


def _email(customer: SampleCustomer) -> str:
    return f"{customer.name.split()[0].lower()}@example.com"


def situation_of(number: int) -> Situation:
    """Return how an order of the sample stands."""
    turn, place = divmod(number - FIRST_ORDER, len(SITUATIONS))
    situation = SITUATIONS[place]
    if situation.delivered_days_ago is None:
        return situation
    return situation._replace(delivered_days_ago=situation.delivered_days_ago + turn)


def owner_of(number: int) -> str:
    """Return whose an order of the sample is, as `cust-3`."""
    return f"cust-{(number - FIRST_ORDER) % len(CUSTOMERS) + 1}"


def _add_order(session: Session, number: int, today: date) -> None:
    situation = situation_of(number)
    delivered = situation.delivered_days_ago
    placed = today - timedelta(days=2 if delivered is None else delivered + 4)
    product = number % len(PRODUCTS)
    price, quantity = PRODUCTS[product].price_cents, 1 + number % 2
    total = price * quantity
    order = Order(
        number=number,
        customer_id=owner_of(number),
        status=situation.status,
        total_cents=total,
        placed_on=placed,
        delivered_on=None if delivered is None else today - timedelta(days=delivered),
        used=situation.used,
    )
    session.add(order)
    session.flush()
    session.add(OrderLine(order_number=number, product_id=product + 1, quantity=quantity, unit_cents=price))
    if situation.status != "cancelled":
        _book(session, number, total, placed)
    if situation.refunded:
        _refund(session, number, total, today - timedelta(days=1))


def _book(session: Session, number: int, total: int, day: date) -> None:
    rows = [("payment", total, f"pay-{number}"), ("fee", fee_of(total), f"fee-{number}")]
    session.execute(
        insert(LedgerEntry),
        [
            {
                "order_number": number,
                "kind": kind,
                "amount_cents": cents,
                "reference": reference,
                "booked_on": day,
            }
            for kind, cents, reference in rows
        ],
    )


def _refund(session: Session, number: int, total: int, day: date) -> None:
    made_at = datetime.combine(day, time(12), UTC)
    session.add(
        Refund(
            id=f"R-{number}",
            order_number=number,
            amount_cents=total,
            reason="returned unused",
            key="",
            made_at=made_at,
        )
    )
    session.add(
        LedgerEntry(order_number=number, kind="refund", amount_cents=total, reference=f"ref-{number}", booked_on=day)
    )


SAMPLE = Sample("sample-shop", seed, fits=fits, is_in=is_in)
