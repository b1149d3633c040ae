"""One organisation's data and settings, for one of its members: the only way to them.

Whoever wants to read or write opens them for an organisation and a member, by ids that the tenant has vouched for. The
membership is looked up in the same transaction. From then on the session sees the rows of that organisation alone: the
condition is added to every statement, so that none can lack it, and a row of another one cannot be written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, event, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, ORMExecuteState, Session, with_loader_criteria

from backdesk.kinds.organisation.contract import Role
from backdesk.kinds.organisation.settings import SETTINGS, Setting
from backdesk.kinds.organisation.tables import (
    Document,
    Member,
    OfOrganisation,
    Organisation,
    OrganisationSetting,
    Project,
    SettingChange,
)
from backdesk.platform.database import ScopedDatabase
from backdesk.platform.tables import utc

#: What a search looks at: words of the query, and rows that have any of them.
MOST_WORDS, MOST_ROWS = 10, 500
EXCERPT = 400
_SPACE = re.compile(r"\s+")


class NotAMember(Exception):
    """There is no such organisation for this person, who hears the same whether it exists or not."""


class NotAnAdmin(Exception):
    """Only an admin of the organisation may do this."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A person in an organisation, as the table has it now."""

    number: int
    organisation_id: str
    organisation_name: str
    user_id: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Overview:
    """An organisation at a glance."""

    name: str
    plan: str
    created_on: date
    members: int
    admins: int
    documents: int
    projects: dict[str, int]


@dataclass(frozen=True, slots=True)
class Found:
    """A document or a project that fits a search."""

    type: Literal["document", "project"]
    title: str
    excerpt: str
    #: Who wrote or leads it, by user id.
    person: str
    #: When it was written, or how it stands.
    state: str


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that was changed: by whom, and when."""

    setting: str
    previous: str
    value: str
    user_id: str
    changed_at: datetime


@contextmanager
def open_organisation(
    database: ScopedDatabase, organisation_id: str, user_id: str, *, write: bool = False
) -> Iterator[OrganisationData]:
    """Open an organisation of a tenant in one transaction on what that has. Blocks. Raises NotAMember."""
    with database.write() if write else database.read() as session:
        member = _membership(session, organisation_id, user_id, write=write)
        _bind(session, member.number)
        yield OrganisationData(session, member)


def _membership(session: Session, organisation_id: str, user_id: str, *, write: bool) -> Membership:
    wanted = (
        select(Organisation, Member)
        .join(Member, Member.organisation == Organisation.number)
        .where(Organisation.id == organisation_id, Member.user_id == user_id)
    )
    # Those who write take turns: a role that is taken away is gone for whoever comes after.
    found = session.execute(wanted.with_for_update() if write else wanted).one_or_none()
    if found is None:
        raise NotAMember
    organisation, member = found
    role = cast("Role", member.role)
    return Membership(organisation.number, organisation.id, organisation.name, member.user_id, member.name, role)


def _bind(session: Session, number: int) -> None:
    def narrow(state: ORMExecuteState) -> None:
        mine = with_loader_criteria(OfOrganisation, lambda table: table.organisation == number, include_aliases=True)
        state.statement = state.statement.options(mine)

    def own(flushed: Session, _context: Any, _instances: Any) -> None:
        for row in (*flushed.new, *flushed.dirty, *flushed.deleted):
            if isinstance(row, OfOrganisation):
                row.organisation = row.organisation or number
                if row.organisation != number:
                    raise PermissionError("a row of another organisation")

    # What was read to find the member is not to be found again by its key.
    session.expunge_all()
    event.listen(session, "do_orm_execute", narrow)
    event.listen(session, "before_flush", own)


class OrganisationData:
    """What one member may know of the one organisation; valid within `open_organisation`."""

    def __init__(self, session: Session, member: Membership) -> None:
        self._session = session
        self.member = member

    def overview(self) -> Overview:
        """Return the organisation at a glance."""
        organisation = self._session.get_one(Organisation, self.member.number)
        statuses = select(Project.status, func.count()).group_by(Project.status).order_by(Project.status)
        return Overview(
            name=organisation.name,
            plan=organisation.plan,
            created_on=organisation.created_on,
            members=self._count(Member),
            admins=self._count(Member, Member.role == "admin"),
            documents=self._count(Document),
            projects=dict(self._session.execute(statuses).all()),
        )

    def members(self) -> list[Membership]:
        """Return all members, by name."""
        rows = self._session.scalars(select(Member).order_by(Member.name, Member.user_id))
        here = (self.member.number, self.member.organisation_id, self.member.organisation_name)
        return [Membership(*here, row.user_id, row.name, cast("Role", row.role)) for row in rows]

    def search(self, query: str, most: int) -> list[Found]:
        """Return the documents and projects that share most words with the query, the best first."""
        words = list(dict.fromkeys(re.findall(r"\w{2,}", query.lower())))[:MOST_WORDS]
        if not words:
            return []
        found = [_document(row) for row in self._with_any(Document, words, Document.title, Document.body)]
        found += [_project(row) for row in self._with_any(Project, words, Project.name, Project.summary)]
        ranked = sorted(found, key=lambda each: (-_score(each, words), each.title))
        return [_cut(each) for each in ranked[:most]]

    def settings(self) -> dict[str, str]:
        """Return the value of each setting."""
        rows = {row.name: row.value for row in self._session.scalars(select(OrganisationSetting))}
        return {name: rows.get(name, setting.default) for name, setting in SETTINGS.items()}

    def changes(self, most: int) -> list[Change]:
        """Return who changed settings last, the newest first."""
        newest = select(SettingChange).order_by(SettingChange.id.desc()).limit(most)
        return [_change(row) for row in self._session.scalars(newest)]

    def changes_by(self, prefix: str) -> list[Change]:
        """Return the changes whose keys begin like this, the oldest first."""
        theirs = select(SettingChange).where(SettingChange.key.startswith(prefix, autoescape=True))
        return [_change(row) for row in self._session.scalars(theirs.order_by(SettingChange.id))]

    def change_setting(self, setting: Setting, value: str, *, key: str, now: datetime) -> Change | None:
        """Set a setting, and note who did; None when it had that value already. Raises NotAnAdmin.

        Whoever comes with the key of a change that was made gets that change, and changes nothing.
        """
        if self.member.role != "admin":
            raise NotAnAdmin
        made = self._session.scalars(select(SettingChange).filter_by(key=key)).one_or_none()
        if made is not None:
            return _change(made)
        row = self._session.scalars(select(OrganisationSetting).filter_by(name=setting.name)).one_or_none()
        previous = row.value if row else setting.default
        if previous == value:
            return None
        if row is None:
            self._session.add(row := OrganisationSetting(name=setting.name))
        row.value = value
        facts = {"name": setting.name, "previous": previous, "value": value, "user_id": self.member.user_id}
        change = SettingChange(**facts, key=key, changed_at=now)
        self._session.add(change)
        self._session.flush()
        return _change(change)

    def _count(self, table: type[OfOrganisation], *conditions: ColumnElement[bool]) -> int:
        return self._session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0

    def _with_any(self, table: type[Any], words: list[str], *columns: InstrumentedAttribute[str]) -> Iterator[Any]:
        fits = [column.icontains(word, autoescape=True) for word in words for column in columns]
        return iter(self._session.scalars(select(table).where(or_(*fits)).order_by(table.id.desc()).limit(MOST_ROWS)))


def _document(row: Document) -> Found:
    return Found("document", row.title, row.body, row.author, row.written_on.isoformat())


def _project(row: Project) -> Found:
    return Found("project", row.name, row.summary, row.lead, row.status)


def _change(row: SettingChange) -> Change:
    return Change(row.name, row.previous, row.value, row.user_id, utc(row.changed_at))


def _score(found: Found, words: list[str]) -> int:
    title, text = found.title.lower(), found.excerpt.lower()
    return sum(3 * (word in title) + (word in text) for word in words)


def _cut(found: Found) -> Found:
    text = _SPACE.sub(" ", found.excerpt)
    cut = text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"
    return Found(found.type, found.title, cut, found.person, found.state)
