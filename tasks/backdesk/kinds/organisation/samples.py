"""Sample organisations of the tenant `default`: `aurora` and `borealis`. Ben is in both, and an admin in one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from backdesk.kinds.organisation.tables import Document, Member, Organisation, OrganisationSetting, Project
from backdesk.platform.samples import Sample
from backdesk.shop.samples import SAMPLE as SHOP
from backdesk.worker.model.job import DEFAULT_TENANT


class SampleOrganisation(NamedTuple):
    """An organisation with all that it has."""

    id: str
    name: str
    plan: str
    age_days: int
    #: Each as user id, name and role.
    members: list[tuple[str, str, str]]
    #: Each as name, status, lead and summary.
    projects: list[tuple[str, str, str, str]]
    #: Each as title, author, age in days and text.
    documents: list[tuple[str, str, int, str]]
    settings: dict[str, str]


ORGANISATIONS = [
    SampleOrganisation(
        "aurora",
        "Aurora Labs",
        "business",
        700,
        [("ada", "Ada Moreau", "admin"), ("ben", "Ben Okafor", "member"), ("chiara", "Chiara Rossi", "member")],
        [
            ("Lighthouse", "active", "ada", "A dashboard of what our sensors measure, for customers; due in spring."),
            ("Moonbase", "paused", "chiara", "A second site for the servers; waits for the budget of next year."),
            ("Archive move", "done", "ben", "All files of the old archive are in the new storage."),
        ],
        [
            ("Travel policy", "ada", 200, "Book trains up to six hours, flights beyond. Hotels up to 140 EUR a night."),
            ("Onboarding", "chiara", 60, "On the first day: laptop, key, and lunch with the team of Lighthouse."),
            ("Budget of the year", "ada", 30, "Lighthouse has 120,000 EUR, Moonbase 40,000 EUR once it goes on."),
        ],
        {"language": "de"},
    ),
    SampleOrganisation(
        "borealis",
        "Borealis Foods",
        "team",
        300,
        [("bella", "Bella Sand", "admin"), ("ben", "Ben Okafor", "admin"), ("dmitri", "Dmitri Orlov", "member")],
        [("Harvest", "active", "bella", "The new line of soups; the recipes are secret until the launch in May.")],
        [
            ("Secret recipe", "bella", 90, "The soup of Harvest: pumpkin, ginger, and a little miso."),
            ("Suppliers", "dmitri", 20, "Pumpkins from the farm in Holm; a second supplier is wanted."),
        ],
        {"external_sharing": "partners"},
    ),
]


def seed(session: Session, today: date) -> None:
    """Add the sample organisations. All days are counted back from `today`."""
    for sample in ORGANISATIONS:
        add_organisation(session, sample, today, DEFAULT_TENANT)


def add_organisation(session: Session, sample: SampleOrganisation, today: date, tenant: str) -> None:
    """Add an organisation with all that it has, for a tenant."""
    created = today - timedelta(days=sample.age_days)
    row = Organisation(tenant=tenant, id=sample.id, name=sample.name, plan=sample.plan, created_on=created)
    session.add(row)
    session.flush()
    number = row.number
    for user, name, role in sample.members:
        email = f"{user}@{sample.id}.example"
        session.add(Member(organisation=number, user_id=user, name=name, email=email, role=role))
    for name, status, lead, summary in sample.projects:
        session.add(Project(organisation=number, name=name, status=status, lead=lead, summary=summary))
    for title, author, age, body in sample.documents:
        written = today - timedelta(days=age)
        session.add(Document(organisation=number, title=title, author=author, written_on=written, body=body))
    for setting, value in sample.settings.items():
        session.add(OrganisationSetting(organisation=number, name=setting, value=value))
    session.flush()


SAMPLE = Sample("sample-organisations", seed, leans_on=SHOP)
