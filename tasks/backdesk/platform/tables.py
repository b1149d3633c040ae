"""The root of all tables. Amounts are whole cents, days and times are UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import DateTime
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

CURRENCY = "EUR"


def utc(at: datetime) -> datetime:
    """Return a time that was read from a row with its zone, which SQLite leaves out."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


class Table(DeclarativeBase):
    """The root of all tables."""

    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 - so SQLAlchemy wants it


class Seeding(Table):
    """That the sample data is in; written in the same transaction as the data."""

    __tablename__ = "seedings"

    name: Mapped[str] = mapped_column(primary_key=True)
    seeded_at: Mapped[datetime]
