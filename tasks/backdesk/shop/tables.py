"""The tables of the shop: products, customers, orders, carts, and the payment provider's books."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, synonym

from backdesk.platform.samples import offer
from backdesk.platform.tables import OfCustomer, OfTenant, Table, of_parent

offer("backdesk.shop.samples")


class Customer(OfCustomer, Table):
    __tablename__ = "customers"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = synonym("id")
    name: Mapped[str]
    email: Mapped[str] = mapped_column(index=True)
    #: `basic`, `premium` or `enterprise`.
    tier: Mapped[str]
    #: An IANA name, such as Europe/Berlin.
    time_zone: Mapped[str]

    def claimed_by(self) -> str | None:
        return self.id


class Product(OfTenant, Table):
    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("stock >= 0", name="products_stock_check"),
        Index("products_of_tenant", "tenant", "category"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    price_cents: Mapped[int]
    category: Mapped[str]
    description: Mapped[str]
    #: How many can be sold.
    stock: Mapped[int]


class Order(OfCustomer, Table):
    """An order. Its number is given once, whichever tenant has it."""

    __tablename__ = "orders"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "customer_id"], ["customers.tenant", "customers.id"], name="orders_customer"),
        Index("orders_of_customer", "tenant", "customer_id"),
    )

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    customer_id: Mapped[str]
    #: `paid`, `shipped`, `delivered` or `cancelled`.
    status: Mapped[str]
    total_cents: Mapped[int]
    placed_on: Mapped[date] = mapped_column(index=True)
    delivered_on: Mapped[date | None]
    used: Mapped[bool]
    lines: Mapped[list[OrderLine]] = relationship(order_by="OrderLine.id")
    refund: Mapped[Refund | None] = relationship()


class OrderLine(OfCustomer, Table):
    __tablename__ = "order_lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_number: Mapped[int] = mapped_column(ForeignKey("orders.number"), index=True)
    tenant: Mapped[str] = of_parent("tenant", Order, "number", order_number)
    customer_id: Mapped[str] = of_parent("customer_id", Order, "number", order_number)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int]
    unit_cents: Mapped[int]
    product: Mapped[Product] = relationship()


class Refund(OfCustomer, Table):
    """Money given back. The unique order number is what makes a second refund of an order impossible."""

    __tablename__ = "refunds"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_number: Mapped[int] = mapped_column(ForeignKey("orders.number"), unique=True)
    tenant: Mapped[str] = of_parent("tenant", Order, "number", order_number)
    customer_id: Mapped[str] = of_parent("customer_id", Order, "number", order_number)
    amount_cents: Mapped[int]
    reason: Mapped[str]
    #: Names the refund for the job that made it: whoever comes with it again gets this refund, not a refusal.
    key: Mapped[str] = mapped_column(index=True)
    made_at: Mapped[datetime]


class LedgerEntry(OfCustomer, Table):
    """A line of the payment provider's books. It may name an unknown order, hence no foreign key."""

    __tablename__ = "ledger"
    __table_args__ = (Index("ledger_by_order", "order_number", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_number: Mapped[int] = mapped_column()
    customer_id: Mapped[str] = of_parent("customer_id", Order, "number", order_number)
    #: `payment`, `refund` or `fee`; the amount is positive in each.
    kind: Mapped[str]
    amount_cents: Mapped[int]
    #: The provider's name for the transfer; two payments with the same one are one payment booked twice.
    reference: Mapped[str]
    booked_on: Mapped[date]


class Cart(OfTenant, Table):
    """A cart is open until it becomes an order. An owner has at most one that is open.

    The order takes its number from the cart's id, so that a cart cannot become two orders.
    """

    __tablename__ = "carts"
    __table_args__ = (
        # PostgreSQL's condition is in the script alone: here it would load that dialect, 2 MB, beside any other.
        Index("one_open_cart", "tenant", "owner", unique=True, sqlite_where=text("order_number IS NULL")),
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


class CartLine(OfTenant, Table):
    """How many of a product; its price is the product's until the checkout."""

    __tablename__ = "cart_lines"
    __table_args__ = (CheckConstraint("quantity > 0"),)

    cart_id: Mapped[int] = mapped_column(ForeignKey("carts.id"), primary_key=True)
    tenant: Mapped[str] = of_parent("tenant", Cart, "id", cart_id)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), primary_key=True)
    quantity: Mapped[int]
    product: Mapped[Product] = relationship()
