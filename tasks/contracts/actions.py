"""What agents can really do for a customer. A result lists what was done, and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from tasks.contracts.base import Contract, Priority

#: Why a person has to take over.
EscalationCause = Literal["wants_person", "danger", "legal_threat", "repeated_failure"]


class RefundMade(Contract):
    """Money that went back to the customer."""

    type: Literal["refund"] = "refund"
    refund_id: str
    order_number: int
    amount_cents: int
    currency: str


class TicketOpened(Contract):
    """A ticket that waits for a person."""

    type: Literal["ticket"] = "ticket"
    ticket_id: str
    priority: Priority
    subject: str


class PreferenceStated(Contract):
    """A preference that is kept from now on."""

    type: Literal["preference"] = "preference"
    name: str
    value: str
    source: Literal["explicit", "inferred"]


class LineItem(Contract):
    """Some pieces of a product, at the price of one."""

    product_id: int
    product: str
    quantity: int
    unit_cents: int


class OrderPlaced(Contract):
    """An order that the customer has made and paid."""

    type: Literal["order"] = "order"
    order_number: int
    items: list[LineItem]
    total_cents: int
    currency: str


class ProfileChanged(Contract):
    """What a customer's profile says now."""

    type: Literal["profile_change"] = "profile_change"
    user_id: str
    name: str
    time_zone: str


class SettingChanged(Contract):
    """A setting of an organisation that has another value now."""

    type: Literal["setting_change"] = "setting_change"
    setting: str
    previous: str
    value: str


class AppointmentChanged(Contract):
    """An appointment that was booked, moved or cancelled; the time is the new one, in UTC."""

    type: Literal["appointment"] = "appointment"
    change: Literal["booked", "moved", "cancelled"]
    appointment_id: int
    advisor: str
    topic: str
    starts_at: AwareDatetime
    minutes: int


class Escalated(Contract):
    """A matter that a person has taken over, and when they have answered."""

    type: Literal["escalation"] = "escalation"
    escalation_id: str
    cause: EscalationCause
    reason: str
    priority: Priority
    respond_by: datetime = Field(description="In UTC; counted in business hours.")


Action = Annotated[
    RefundMade
    | TicketOpened
    | OrderPlaced
    | AppointmentChanged
    | Escalated
    | PreferenceStated
    | ProfileChanged
    | SettingChanged,
    Field(discriminator="type"),
]
