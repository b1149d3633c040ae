"""Who can be met, and what is agreed with whom."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backdesk.platform.samples import offer
from backdesk.platform.tables import OfCustomer, OfTenant, Table

offer("backdesk.kinds.voice.samples")


class Advisor(OfTenant, Table):
    """A person whom customers can meet in business hours."""

    __tablename__ = "advisors"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    field: Mapped[str]


class Appointment(OfCustomer, Table):
    """A meeting that was agreed. It stays after it was cancelled; only what it took of the calendar is free again."""

    __tablename__ = "appointments"
    __table_args__ = (Index("appointments_of_customer", "tenant", "customer_id", "starts_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    advisor: Mapped[str]
    customer_id: Mapped[str]
    starts_at: Mapped[datetime]
    minutes: Mapped[int]
    topic: Mapped[str]
    cancelled_at: Mapped[datetime | None]
    slots: Mapped[list[TakenSlot]] = relationship(cascade="all, delete-orphan")


class AppointmentChange(OfTenant, Table):
    """What was done because the caller agreed to it. Its key is what makes a second time impossible."""

    __tablename__ = "appointment_changes"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    #: Names what a job does: an attempt that comes with it again gets what was done.
    key: Mapped[str] = mapped_column(primary_key=True)
    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointments.id"), index=True)
    #: `booked`, `moved` or `cancelled`.
    change: Mapped[str]
    #: Names the job that did it.
    made_by: Mapped[str] = mapped_column(index=True)
    made_at: Mapped[datetime]


class TakenSlot(OfTenant, Table):
    """Half an hour of an advisor. Its key is what makes it impossible to give it away twice."""

    __tablename__ = "taken_slots"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    advisor: Mapped[str] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointments.id"), index=True)
