"""What was proposed to customers, and what they said to it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backdesk.platform.tables import OfTenant, Table


class Proposal(OfTenant, Table):
    """Something that is done only when the customer agrees. A conversation has at most one that is open."""

    __tablename__ = "proposals"
    __table_args__ = (
        UniqueConstraint("tenant", "key"),
        # PostgreSQL's condition is in the script alone: here it would load that dialect, 2 MB, beside any other.
        Index(
            "open_proposal_of_conversation",
            "tenant",
            "conversation_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
        ),
        Index("proposals_closed_by", "tenant", "closed_by"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    conversation_id: Mapped[str]
    customer_id: Mapped[str | None]
    #: Names the call that proposed it: a repeated attempt proposes nothing anew.
    key: Mapped[str]
    #: The job that proposed it last, whose answer is to show it.
    proposed_by: Mapped[str]
    #: Whose agent and tool these are; None: of a version that did not note it.
    team: Mapped[str | None]
    agent: Mapped[str]
    tool: Mapped[str]
    #: JSON.
    args: Mapped[str] = mapped_column(Text)
    facts: Mapped[str] = mapped_column(Text)
    statement: Mapped[str] = mapped_column(Text)
    #: `open`, `confirmed`, `declined`, `replaced` or `expired`.
    state: Mapped[str]
    proposed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    #: When an answer that shows it was given; None: the customer has not seen it.
    shown_at: Mapped[datetime | None]
    #: The job with the first message after that: a yes in a later one answers something else.
    heard_by: Mapped[str | None]
    #: The job whose message closed it; of a confirmed one, the only job that carries it out.
    closed_by: Mapped[str | None]
