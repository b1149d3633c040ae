"""The root of all tables, and whose their rows are. Amounts are whole cents, days and times are UTC.

A new table says in its bases whose its rows are, and then needs no condition in any query: what a customer has derives
from `OfCustomer`, what else a tenant has from `OfTenant`; a table without its own columns for that takes them from what
its rows are a part of, by `of_parent`. `backdesk.platform.scopes` does the rest. A table of neither is the platform's
own, and a test lists those.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, select
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedSQLExpression, column_property, declared_attr, mapped_column

CURRENCY = "EUR"


def utc(at: datetime) -> datetime:
    """Return a time that was read from a row with its zone, which SQLite leaves out."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


class Table(DeclarativeBase):
    """The root of all tables."""

    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 - so SQLAlchemy wants it


class OfTenant:
    """What belongs to a tenant: nobody else's session finds it. A new row gets the tenant of its session."""

    @declared_attr
    @classmethod
    def tenant(cls) -> Mapped[str]:
        return mapped_column()


class OfCustomer(OfTenant):
    """What belongs to a customer of a tenant: a session that was opened for a customer finds it for no other one.

    Ids of customers are the callers' own: two tenants may have the same.
    """

    @declared_attr
    @classmethod
    def customer_id(cls) -> Mapped[str]:
        return mapped_column()

    def claimed_by(self) -> str | None:
        """Return whose the row says it is; None for one that says so by what it is a part of."""
        return self.__dict__.get("customer_id")


def of_parent(column: str, parent: type[Table], key: str, own: Mapped[Any]) -> MappedSQLExpression[Any]:
    """Return a column that rows have by what they are a part of: the row of `parent` whose `key` is their `own`."""
    rows = parent.__table__.alias()
    found = select(rows.c[column]).where(rows.c[key] == own).correlate_except(rows).scalar_subquery()
    return column_property(found, deferred=True)


class Seeding(Table):
    """That the sample data is in; written in the same transaction as the data."""

    __tablename__ = "seedings"

    name: Mapped[str] = mapped_column(primary_key=True)
    seeded_at: Mapped[datetime]
