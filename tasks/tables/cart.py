"""What customers are about to buy."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tasks.tables.base import Table
from tasks.tables.shop import Product

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
