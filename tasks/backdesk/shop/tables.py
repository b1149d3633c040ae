"""The tables of the shop: products, customers, orders, carts, and the payment provider's books."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backdesk.platform.samples import offer
from backdesk.platform.tables import Table

offer("backdesk.shop.samples")


class Customer(Table):
    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str] = mapped_column(index=True)
    #: `basic`, `premium` or `enterprise`.
    tier: Mapped[str]
    #: An IANA name, such as Europe/Berlin.
    time_zone: Mapped[str]


class Product(Table):
    __tablename__ = "products"
    __table_args__ = (CheckConstraint("stock >= 0", name="products_stock_check"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    price_cents: Mapped[int]
    category: Mapped[str] = mapped_column(index=True)
    description: Mapped[str]
    #: How many can be sold.
    stock: Mapped[int]


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


_OPEN = text("order_number IS NULL")


class Cart(Table):
    """A cart is open until it becomes an order. An owner has at most one that is open.

    The order takes its number from the cart's id, so that a cart cannot become two orders.
    """

    __tablename__ = "carts"
    __table_args__ = (
        Index("one_open_cart", "tenant", "owner", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        UniqueConstraint("tenant", "key"),
        # Else SQLite gives the id of a cart that was deleted to the next one.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    #: `customer/<id>`, or `conversation/<id>` while nobody is identified.
    owner: Mapped[str]
    opened_at: Mapped[datetime]
    #: Names the checkout for the job that made it: whoever comes with it again gets the same receipt.
    key: Mapped[str | None]
    order_number: Mapped[int | None] = mapped_column(ForeignKey("orders.number"), unique=True)
    lines: Mapped[list[CartLine]] = relationship(order_by="CartLine.product_id", cascade="all, delete-orphan")


class CartLine(Table):
    """How many of a product; its price is the product's until the checkout."""

    __tablename__ = "cart_lines"
    __table_args__ = (CheckConstraint("quantity > 0"),)

    cart_id: Mapped[int] = mapped_column(ForeignKey("carts.id"), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), primary_key=True)
    quantity: Mapped[int]
    product: Mapped[Product] = relationship()
