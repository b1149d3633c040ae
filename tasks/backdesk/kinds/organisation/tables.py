"""Organisations: their members, their settings, and what they keep here.

An organisation belongs to a tenant of backdesk, which chose its id. Whatever is an organisation's derives from
`OfOrganisation`; `backdesk.kinds.organisation.data` reads those tables for one organisation alone.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from backdesk.platform.samples import offer
from backdesk.platform.tables import OfTenant, Table, of_parent

offer("backdesk.kinds.organisation.samples")


class Organisation(OfTenant, Table):
    """`id` is unique in a tenant; `number` is what rows refer to, and leaves this database in no answer."""

    __tablename__ = "organisations"
    __table_args__ = (UniqueConstraint("tenant", "id"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    id: Mapped[str]
    name: Mapped[str]
    #: `team` or `business`.
    plan: Mapped[str]
    created_on: Mapped[date]


class OfOrganisation(OfTenant):
    """What belongs to one organisation."""

    @declared_attr
    @classmethod
    def organisation(cls) -> Mapped[int]:
        return mapped_column(ForeignKey("organisations.number"), index=True)

    @declared_attr
    @classmethod
    def tenant(cls) -> Mapped[str]:
        return of_parent("tenant", Organisation, "number", cls.organisation)


class Member(OfOrganisation, Table):
    """A person in an organisation. One person may be in several."""

    __tablename__ = "members"
    __table_args__ = (UniqueConstraint("organisation", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    name: Mapped[str]
    email: Mapped[str]
    #: `admin` or `member`.
    role: Mapped[str]


class Project(OfOrganisation, Table):
    __tablename__ = "projects"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    #: `active`, `paused` or `done`.
    status: Mapped[str]
    summary: Mapped[str] = mapped_column(Text)
    #: The user id of a member.
    lead: Mapped[str]


class Document(OfOrganisation, Table):
    __tablename__ = "documents"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    body: Mapped[str] = mapped_column(Text)
    #: The user id of a member.
    author: Mapped[str]
    written_on: Mapped[date]


class OrganisationSetting(OfOrganisation, Table):
    """The value of a setting, as text; without a row it has its default."""

    __tablename__ = "organisation_settings"
    __table_args__ = (UniqueConstraint("organisation", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    value: Mapped[str]


class SettingChange(OfOrganisation, Table):
    """Who changed a setting, when, from what to what. Rows are only added; each key has one."""

    __tablename__ = "setting_changes"
    __table_args__ = (UniqueConstraint("organisation", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    previous: Mapped[str]
    value: Mapped[str]
    user_id: Mapped[str]
    #: Names the change for the job that made it.
    key: Mapped[str]
    changed_at: Mapped[datetime]
