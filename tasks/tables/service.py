"""What the service desk keeps: its tickets, the knowledge it answers from, and what was said."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tasks.tables.base import Table


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
    #: What the agents knew in the end, as JSON.
    facts: Mapped[str] = mapped_column(Text)
    finished_at: Mapped[datetime]
