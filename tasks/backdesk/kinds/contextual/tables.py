"""What is known of customers beyond their orders: preferences and conversations; and the rules for prompts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backdesk.platform.samples import offer
from backdesk.platform.tables import OfCustomer, Table

offer("backdesk.kinds.contextual.samples")


class PreferenceStatement(OfCustomer, Table):
    """That a customer prefers something. Statements are only added: the one in force follows from all of them."""

    __tablename__ = "preference_statements"
    __table_args__ = (UniqueConstraint("tenant", "key"), Index("preferences_of", "tenant", "customer_id", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    customer_id: Mapped[str]
    #: Names the statement for the job that made it: a repeat adds no second one.
    key: Mapped[str]
    name: Mapped[str]
    value: Mapped[str]
    #: `explicit` or `inferred`.
    source: Mapped[str]
    #: Who made it: an agent, or a person of the staff.
    by: Mapped[str]
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]


class Interaction(OfCustomer, Table):
    """What a customer asked and was answered, in short. Each job has at most one."""

    __tablename__ = "interactions"
    __table_args__ = (UniqueConstraint("tenant", "key"), Index("interactions_of", "tenant", "customer_id", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    customer_id: Mapped[str]
    key: Mapped[str]
    asked: Mapped[str] = mapped_column(Text)
    answered: Mapped[str] = mapped_column(Text)
    #: `negative`, `neutral` or `positive`.
    sentiment: Mapped[str]
    at: Mapped[datetime]


class PromptRuleRow(Table):
    """A rule for what agents are told. It holds for one tenant, or for all: hence no row of a tenant's alone."""

    __tablename__ = "prompt_rules"
    __table_args__ = (UniqueConstraint("tenant", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    #: Empty: for all tenants. A tenant's own rule takes the place of one of the same name that is for all.
    tenant: Mapped[str]
    name: Mapped[str]
    #: JSON, as `backdesk.kinds.contextual.prompt_rules.Condition` reads it.
    condition: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    priority: Mapped[int]
