"""The tables of the business database. Amounts are whole cents, days and times are UTC."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import DateTime, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

CURRENCY = "EUR"


class Table(DeclarativeBase):
    """The root of all tables."""

    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 - so SQLAlchemy wants it


class Customer(Table):
    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]


class Product(Table):
    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    price_cents: Mapped[int]


class Order(Table):
    __tablename__ = "orders"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    #: `paid`, `shipped`, `delivered` or `cancelled`.
    status: Mapped[str]
    total_cents: Mapped[int]
    placed_on: Mapped[date] = mapped_column(index=True)
    delivered_on: Mapped[date | None]
    used: Mapped[bool]
    lines: Mapped[list[OrderLine]] = relationship(order_by="OrderLine.id")
    refund: Mapped[Refund | None] = relationship()


class OrderLine(Table):
    __tablename__ = "order_lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_number: Mapped[int] = mapped_column(ForeignKey("orders.number"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int]
    unit_cents: Mapped[int]
    product: Mapped[Product] = relationship()


class Refund(Table):
    """Money given back. The unique order number is what makes a second refund of an order impossible."""

    __tablename__ = "refunds"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_number: Mapped[int] = mapped_column(ForeignKey("orders.number"), unique=True)
    amount_cents: Mapped[int]
    reason: Mapped[str]
    #: Names the refund for the job that made it: whoever comes with it again gets this refund, not a refusal.
    key: Mapped[str] = mapped_column(index=True)
    made_at: Mapped[datetime]


class Ticket(Table):
    """Work for a person. Each key, of which a job has one, has at most one: a repeated attempt opens no second."""

    __tablename__ = "tickets"
    __table_args__ = (UniqueConstraint("tenant", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    key: Mapped[str]
    customer_id: Mapped[str | None]
    order_number: Mapped[int | None]
    subject: Mapped[str]
    details: Mapped[str] = mapped_column(Text)
    priority: Mapped[str]
    opened_at: Mapped[datetime]


class LedgerEntry(Table):
    """A line of the payment provider's books. It may name an unknown order, hence no foreign key."""

    __tablename__ = "ledger"
    __table_args__ = (Index("ledger_by_order", "order_number", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_number: Mapped[int]
    #: `payment`, `refund` or `fee`; the amount is positive in each.
    kind: Mapped[str]
    amount_cents: Mapped[int]
    #: The provider's name for the transfer; two payments with the same one are one payment booked twice.
    reference: Mapped[str]
    booked_on: Mapped[date]


class Article(Table):
    __tablename__ = "articles"

    slug: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    keywords: Mapped[str]
    body: Mapped[str] = mapped_column(Text)


class ConversationTurn(Table):
    """What one job added to a conversation. Turns are only appended, so jobs at once lose nothing."""

    __tablename__ = "conversation_turns"
    __table_args__ = (UniqueConstraint("tenant", "conversation_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    conversation_id: Mapped[str]
    key: Mapped[str]
    customer_id: Mapped[str | None]
    #: The messages of this turn as JSON, in the agent library's own format.
    messages: Mapped[str] = mapped_column(Text)
    #: Whether the turn ended in a question to the customer.
    clarifying: Mapped[bool]
    finished_at: Mapped[datetime]


class Seeding(Table):
    """That the sample data is in; written in the same transaction as the data."""

    __tablename__ = "seedings"

    name: Mapped[str] = mapped_column(primary_key=True)
    seeded_at: Mapped[datetime]
