"""What the service desk keeps: its tickets, what it has promised, and the knowledge it answers from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backdesk.platform.samples import offer
from backdesk.platform.tables import OfTenant, Table, of_parent

offer("backdesk.service.samples")


class Ticket(OfTenant, Table):
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


class Escalation(OfTenant, Table):
    """A promise that a person answers. Each key, of which a job has one, has at most one."""

    __tablename__ = "escalations"
    __table_args__ = (UniqueConstraint("tenant", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    key: Mapped[str]
    customer_id: Mapped[str | None]
    conversation_id: Mapped[str]
    #: `wants_person`, `danger`, `legal_threat` or `repeated_failure`.
    cause: Mapped[str]
    reason: Mapped[str]
    details: Mapped[str] = mapped_column(Text)
    priority: Mapped[str]
    respond_by: Mapped[datetime] = mapped_column(index=True)
    escalated_at: Mapped[datetime]


class Case(OfTenant, Table):
    """A ticket or an escalation in the queue of people. `reference` is the one's number."""

    __tablename__ = "cases"
    __table_args__ = (UniqueConstraint("tenant", "reference"), Index("ix_cases_queue", "tenant", "state", "due_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    reference: Mapped[str]
    customer_id: Mapped[str | None]
    conversation_id: Mapped[str]
    subject: Mapped[str]
    details: Mapped[str] = mapped_column(Text)
    priority: Mapped[str]
    #: `open`, `taken` or `closed`.
    state: Mapped[str]
    holder: Mapped[str | None]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    #: Whether nobody has answered by then, and that was told.
    overdue: Mapped[bool]
    score: Mapped[int | None]


class CaseEntry(OfTenant, Table):
    """Something that was done with a case: by each key, of which a job has one, at most once."""

    __tablename__ = "case_entries"
    __table_args__ = (UniqueConstraint("case_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    tenant: Mapped[str] = of_parent("tenant", Case, "id", case_id)
    key: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    deed: Mapped[str]
    text: Mapped[str] = mapped_column(Text)


class Article(OfTenant, Table):
    """What a tenant's knowledge base has of one matter; `body` is all of its passages."""

    __tablename__ = "articles"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    keywords: Mapped[str]
    body: Mapped[str] = mapped_column(Text)
    #: ISO 639-1, empty where it is unknown; and where it is from.
    language: Mapped[str] = mapped_column(default="", server_default="")
    source: Mapped[str] = mapped_column(default="", server_default="")
    #: Of the document that it was made of; empty for one that was not added as such.
    digest: Mapped[str] = mapped_column(default="", server_default="")
    updated_at: Mapped[datetime | None]
    #: By which version of the rules it can be found; 0 is none.
    indexed: Mapped[int] = mapped_column(default=0, server_default="0")
    passages: Mapped[list[Passage]] = relationship(
        back_populates="article", cascade="all, delete-orphan", order_by="Passage.number"
    )


class Passage(OfTenant, Table):
    """A piece of an article, which is found and cited by itself.

    A full-text index over `heads` and `words` is kept by the database; a migration has made it.
    """

    __tablename__ = "passages"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "slug"], ["articles.tenant", "articles.slug"], ondelete="CASCADE"),
        UniqueConstraint("tenant", "slug", "number"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    slug: Mapped[str]
    number: Mapped[int]
    heading: Mapped[str]
    text: Mapped[str] = mapped_column(Text)
    #: The terms of what it is about, and of what it says; by `backdesk.service.knowledge.terms`.
    heads: Mapped[str] = mapped_column(Text)
    words: Mapped[str] = mapped_column(Text)
    #: Its vector, and the model that made it.
    vector: Mapped[bytes | None] = mapped_column(deferred=True)
    embedded_by: Mapped[str | None]
    article: Mapped[Article] = relationship(back_populates="passages")
