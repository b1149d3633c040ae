"""Open a ticket for a person. A job opens at most one: whoever asks again gets the first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import ToolOutcome
from backdesk.agents.tools import tool
from backdesk.platform.contract import Priority
from backdesk.platform.tables import utc
from backdesk.service.announcements import announce_case
from backdesk.service.cases import open_case
from backdesk.service.contract import TicketOpened
from backdesk.service.details import for_people
from backdesk.service.response_times import respond_by
from backdesk.service.tables import Ticket
from backdesk.shop.arguments import OrderNumber
from backdesk.shop.orders import visible_order
from backdesk.worker.attempt.ledger import Effect

Subject = Annotated[str, Field(description="The matter in a few words.")]
Details = Annotated[
    str,
    Field(description="What the customer wrote and what was found out, for one who has not read it all."),
]
Urgency = Annotated[
    Priority,
    Field(description="urgent: danger or a total outage; high: the customer cannot wait; low: mere wishes."),
]


class TicketReceipt(ToolOutcome):
    """The ticket that now waits for a person."""

    ticket_id: str
    priority: Priority
    subject: str
    #: True when this request had a ticket already; nothing was added then.
    already_open: bool = False

    def summary(self) -> str:
        return f"ticket {self.ticket_id} ({self.priority}): {self.subject}"

    def action(self) -> TicketOpened:
        return TicketOpened(**self.model_dump(exclude={"already_open"}))


async def tickets_opened(desk: Desk) -> list[TicketOpened]:
    """Return the ticket of this job, whichever attempt opened it, if there is one."""

    def work() -> list[TicketOpened]:
        with desk.database.read() as session:
            ticket = _ticket_of(session, desk)
            return [_receipt(ticket, already_open=True).action()] if ticket else []

    return await desk.database.in_thread(work)


@tool(Effect.IDEMPOTENT, done=tickets_opened, harmless=True)
async def open_ticket(
    desk: Desk,
    subject: Subject,
    details: Details,
    priority: Urgency = "normal",
    order_number: OrderNumber | None = None,
) -> TicketReceipt:
    """Open a ticket for a human colleague. A request has one ticket: put everything into it."""
    ticket = Ticket(
        tenant=desk.tenant,
        key=_key(desk),
        customer_id=desk.customer_id,
        order_number=order_number,
        subject=for_people(subject.strip())[:200],
        details=for_people(details),
        priority=priority,
        opened_at=desk.database.now(),
    )
    receipt, due_at = await desk.database.in_thread(lambda: _open_once(desk, ticket))
    await announce_case(desk, receipt.ticket_id, receipt.subject, receipt.priority, due_at)
    return receipt


def _key(desk: Desk) -> str:
    return desk.key("ticket")


def _open_once(desk: Desk, ticket: Ticket) -> tuple[TicketReceipt, datetime]:
    try:
        with desk.database.write() as session:
            existing = _ticket_of(session, desk)
            if existing is not None:
                return _receipt(existing, already_open=True), _due_at(desk, existing)
            if ticket.order_number and visible_order(session, desk, ticket.order_number) is None:
                ticket.order_number = None  # what was said of it is in the details; people would take it for checked
            session.add(ticket)
            session.flush()
            receipt, due_at = _receipt(ticket, already_open=False), _due_at(desk, ticket)
            open_case(session, desk, ticket, receipt.ticket_id, due_at)
            return receipt, due_at
    except IntegrityError:
        with desk.database.read() as session:
            existing = _ticket_of(session, desk)
            if existing is None:  # some other constraint than "one a job"
                raise
            return _receipt(existing, already_open=True), _due_at(desk, existing)


def _due_at(desk: Desk, ticket: Ticket) -> datetime:
    priority: Priority = ticket.priority  # type: ignore[assignment]  # as it was written
    return respond_by(priority, utc(ticket.opened_at), desk.settings.business_hours)


def _ticket_of(session: Session, desk: Desk) -> Ticket | None:
    return session.scalars(select(Ticket).filter_by(tenant=desk.tenant, key=_key(desk))).one_or_none()


def _receipt(ticket: Ticket, *, already_open: bool) -> TicketReceipt:
    return TicketReceipt.model_validate(
        {
            "ticket_id": f"T-{ticket.id:06}",
            "priority": ticket.priority,
            "subject": ticket.subject,
            "already_open": already_open,
        }
    )
