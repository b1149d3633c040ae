"""One organisation's data: whoever has opened it sees and changes that organisation's rows, whatever they ask for."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, aliased

import backdesk.kinds.organisation.tools
from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal
from backdesk.kinds.organisation.data import NotAMember, NotAnAdmin, OrganisationData, open_organisation
from backdesk.kinds.organisation.kind import ORGANISATION
from backdesk.kinds.organisation.samples import ORGANISATIONS, add_organisation
from backdesk.kinds.organisation.settings import SETTINGS, Setting
from backdesk.kinds.organisation.tables import (
    Document,
    Member,
    Organisation,
    OrganisationSetting,
    Project,
    SettingChange,
)
from backdesk.kinds.organisation.tools import OrganisationContext
from backdesk.kinds.organisation.tools.change_setting import (
    SettingReceipt,
    SettingUnchanged,
    change_setting,
    consent_to_change,
)
from backdesk.kinds.organisation.tools.members import MembersListed, list_members
from backdesk.kinds.organisation.tools.overview import OrganisationSummary, organisation_overview
from backdesk.kinds.organisation.tools.search import Findings, search_organisation
from backdesk.kinds.organisation.tools.settings import SettingsShown, show_settings
from backdesk.platform.database import Database
from backdesk.worker.model.job import DEFAULT_TENANT
from tests.support.deployment import desk_of

OF_BOREALIS = ("Borealis", "Bella", "Secret recipe", "pumpkin", "Harvest", "dmitri")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def desk_in(shop: Database, user: str = "ada", organisation: str = "aurora", job_id: str = "job-1") -> Desk:
    desk = desk_of(shop, job_id)
    desk.tenant = DEFAULT_TENANT
    desk.context = OrganisationContext(organisation_id=organisation, user_id=user)
    return desk


def set_role(shop: Database, user: str, role: str) -> None:
    with shop.of_all_tenants().write() as session:
        session.execute(update(Member).where(Member.user_id == user).values(role=role))


# --- who gets in ---


@pytest.mark.parametrize(
    ("tenant", "organisation", "user"),
    [
        (DEFAULT_TENANT, "aurora", "bella"),
        (DEFAULT_TENANT, "aurora", "nobody"),
        (DEFAULT_TENANT, "nowhere", "ada"),
        ("other", "aurora", "ada"),
        (DEFAULT_TENANT, "aurora' OR '1'='1", "ada"),
        (DEFAULT_TENANT, "%", "%"),
        (DEFAULT_TENANT, "", ""),
    ],
)
def test_whoever_is_no_member_gets_nothing(shop: Database, tenant: str, organisation: str, user: str) -> None:
    with pytest.raises(NotAMember), open_organisation(shop.of(tenant), organisation, user):
        raise AssertionError("opened")


def test_one_who_is_in_two_organisations_has_a_role_in_each(shop: Database) -> None:
    roles = []
    for organisation in ("aurora", "borealis"):
        with open_organisation(shop.of(DEFAULT_TENANT), organisation, "ben") as data:
            roles.append(data.member.role)
    assert roles == ["member", "admin"]


def test_an_id_that_two_tenants_have_chosen_names_two_organisations(shop: Database) -> None:
    with shop.of_all_tenants().write() as session:
        sample = ORGANISATIONS[1]._replace(id="aurora", name="Another Aurora")
        add_organisation(session, sample, shop.today(), "other")
    with open_organisation(shop.of("other"), "aurora", "bella") as data:
        assert data.overview().name == "Another Aurora"
    with open_organisation(shop.of(DEFAULT_TENANT), "aurora", "ada") as data:
        assert [member.user_id for member in data.members()] == ["ada", "ben", "chiara"]


# --- no statement can lack the condition ---

READS: dict[str, Callable[[Session], Any]] = {
    "all": lambda s: len(s.scalars(select(Member)).all()),
    "a condition that is always true": lambda s: len(s.scalars(select(Member).where(Member.id > 0)).all()),
    "another's number": lambda s: 3 + len(s.scalars(select(Member).where(Member.organisation == 2)).all()),
    "a count": lambda s: s.scalar(select(func.count()).select_from(Member)),
    "columns": lambda s: len(s.execute(select(Member.user_id, Member.email)).all()),
    "a subquery": lambda s: s.scalar(select(func.count()).select_from(select(Member).subquery())),
    "an alias": lambda s: len(s.scalars(select(aliased(Member))).all()),
    "a union": lambda s: len(s.execute(select(Member.id).union(select(aliased(Member).id))).all()),
    "a join": lambda s: len(s.execute(select(Organisation.id, Member.id).join(Member, Member.id > 0)).all()) // 2,
    "exists": lambda s: 3 + int(bool(s.scalar(select(select(Member).where(Member.user_id == "bella").exists())))),
}


@pytest.mark.parametrize("read", READS)
def test_a_statement_without_a_condition_finds_the_organisation_s_own_rows(shop: Database, read: str) -> None:
    with open_organisation(shop.of(DEFAULT_TENANT), "aurora", "ada") as data:
        assert READS[read](data._session) == 3


@pytest.mark.parametrize("table", [Member, Project, Document])
def test_a_row_of_another_organisation_is_not_found_by_its_key(shop: Database, table: type[Any]) -> None:
    with open_organisation(shop.of(DEFAULT_TENANT), "borealis", "bella") as data:
        [key, *_] = data._session.scalars(select(table.id)).all()
        assert data._session.get(table, key) is not None
    with open_organisation(shop.of(DEFAULT_TENANT), "aurora", "ada") as data:
        assert data._session.get(table, key) is None


def test_a_statement_that_changes_all_rows_changes_the_organisation_s_own(shop: Database) -> None:
    with open_organisation(shop.of(DEFAULT_TENANT), "aurora", "ada", write=True) as data:
        data._session.execute(update(Project).values(status="done"))
        data._session.execute(delete(Document))
    with open_organisation(shop.of(DEFAULT_TENANT), "borealis", "bella") as data:
        assert data.overview().projects == {"active": 1}
        assert data.overview().documents == 2


def test_a_row_is_written_for_the_organisation_and_for_no_other_one(shop: Database) -> None:
    with open_organisation(shop.of(DEFAULT_TENANT), "aurora", "ada", write=True) as data:
        data._session.add(OrganisationSetting(name="notifications", value="all"))
    with open_organisation(shop.of(DEFAULT_TENANT), "aurora", "ada") as data:
        assert data.settings()["notifications"] == "all"
        theirs = data.member.number + 1
    with (
        pytest.raises(PermissionError),
        open_organisation(shop.of(DEFAULT_TENANT), "aurora", "ada", write=True) as data,
    ):
        data._session.add(OrganisationSetting(organisation=theirs, name="language", value="it"))


def test_one_organisation_after_the_other_is_not_mixed_up_by_what_was_compiled_before(shop: Database) -> None:
    names = []
    for organisation, user in [("aurora", "ada"), ("borealis", "bella")] * 2:
        with open_organisation(shop.of(DEFAULT_TENANT), organisation, user) as data:
            names.append([member.user_id for member in data.members()])
    assert names == [["ada", "ben", "chiara"], ["bella", "ben", "dmitri"]] * 2


def test_no_tool_of_the_assistant_touches_a_table_or_a_session_itself() -> None:
    folder = Path(backdesk.kinds.organisation.tools.__file__).parent
    sources = {path.name: ast.parse(path.read_text()) for path in folder.glob("*.py")}
    assert len(sources) == 6
    for name, source in sources.items():
        imported = {node.module for node in ast.walk(source) if isinstance(node, ast.ImportFrom)}
        imported |= {alias.name for node in ast.walk(source) if isinstance(node, ast.Import) for alias in node.names}
        assert not [each for each in imported if each and each.startswith(("sqlalchemy", "tasks.tables"))], name
        reached = {ast.unparse(node) for node in ast.walk(source) if isinstance(node, ast.Attribute)}
        assert not [each for each in reached if each.endswith(("database.read", "database.write", "_session"))], name


def test_no_tool_takes_an_organisation_or_a_person_as_an_argument() -> None:
    arguments = {tool.name: set(tool.function.__annotations__) - {"desk", "return"} for tool in ORGANISATION.tools}
    assert arguments == {
        "organisation_overview": set(),
        "search_organisation": {"query"},
        "list_members": set(),
        "show_settings": set(),
        "change_setting": {"setting", "value"},
    }


# --- what the tools tell ---


async def test_the_tools_tell_of_the_organisation(shop: Database) -> None:
    desk = desk_in(shop, "ben")
    summary, members = await organisation_overview(desk), await list_members(desk)
    found, settings = await search_organisation(desk, "how much budget has Lighthouse?"), await show_settings(desk)
    assert isinstance(summary, OrganisationSummary)
    assert isinstance(members, MembersListed)
    assert isinstance(found, Findings)
    assert isinstance(settings, SettingsShown)
    assert (summary.name, summary.members, summary.admins, summary.documents) == ("Aurora Labs", 3, 1, 3)
    assert summary.projects == {"active": 1, "done": 1, "paused": 1}
    assert summary.your_role == "member"
    assert [member.user_id for member in members.members] == ["ada", "ben", "chiara"]
    assert [each.title for each in found.found][:2] == ["Budget of the year", "Lighthouse"]
    assert {setting.name: setting.value for setting in settings.settings} == {
        **{name: setting.default for name, setting in SETTINGS.items()},
        "language": "de",
    }
    told = "".join(outcome.model_dump_json() for outcome in (summary, members, found, settings))
    assert not [word for word in OF_BOREALIS if word in told]


@pytest.mark.parametrize(
    "query",
    [
        "borealis",
        "secret recipe pumpkin",
        "Bella Sand",
        "' OR 1=1 --",
        "x%' UNION SELECT * FROM documents --",
        "organisation:2 harvest",
        "%",
        "__",
        "",
        "\x00",
    ],
)
async def test_no_search_finds_what_is_another_organisation_s(shop: Database, query: str) -> None:
    found = await search_organisation(desk_in(shop), query)
    assert isinstance(found, Findings)
    assert not [word for word in OF_BOREALIS if word in found.model_dump_json()]


async def test_whoever_has_left_gets_nothing_more(shop: Database) -> None:
    desk = desk_in(shop, "ben")
    with shop.of_all_tenants().write() as session:
        session.execute(delete(Member).where(Member.user_id == "ben"))
    for outcome in (await list_members(desk), await change_setting(desk, "language", "fr")):
        assert isinstance(outcome, Refusal)
        assert "not a member" in outcome.refused


# --- settings ---


def changes(shop: Database) -> list[tuple[str, str, str, str]]:
    with shop.of_all_tenants().read() as session:
        rows = session.scalars(select(SettingChange).order_by(SettingChange.id))
        return [(row.name, row.previous, row.value, row.user_id) for row in rows]


async def test_an_admin_changes_a_setting_and_it_is_noted_who_did(shop: Database) -> None:
    receipt = await change_setting(desk_in(shop), "language", " FR ")
    assert isinstance(receipt, SettingReceipt)
    assert receipt.action().model_dump() == {
        "type": "setting_change",
        "setting": "language",
        "previous": "de",
        "value": "fr",
    }
    shown = await show_settings(desk_in(shop, "ben"))
    assert isinstance(shown, SettingsShown)
    [change] = shown.changes
    assert (change.setting, change.previous, change.value, change.user_id) == ("language", "de", "fr", "ada")
    assert abs((change.changed_at - shop.now()).total_seconds()) < 60


@pytest.mark.parametrize("value", ["fr", "klingon"])
async def test_a_member_changes_nothing(shop: Database, value: str) -> None:
    outcome = await change_setting(desk_in(shop, "ben"), "language", value)
    assert isinstance(outcome, Refusal)
    assert "admin" in outcome.refused
    assert changes(shop) == []


async def test_the_role_is_that_of_the_table_and_not_of_the_context(shop: Database) -> None:
    desk = desk_in(shop, "ben")
    desk.context = desk.context.model_copy(update={"role": "admin"})
    assert isinstance(await change_setting(desk, "language", "fr"), Refusal)
    set_role(shop, "ada", "member")
    assert isinstance(await change_setting(desk_in(shop, "ada"), "language", "fr"), Refusal)


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("language", "klingon", "one of en, de"),
        ("retention_days", "29", "whole number from 30 to 3650"),
        ("retention_days", "-1", "whole number"),
        ("retention_days", "٣٦٥", "whole number"),
        ("retention_days", "9" * 5000, "whole number"),
        ("two_factor_required", "maybe", "on, off"),
        ("plan", "business", "no such setting"),
        ("borealis.language", "fr", "no such setting"),
        ("language'; DROP TABLE members; --", "fr", "no such setting"),
        ("role", "admin", "no such setting"),
    ],
)
async def test_what_no_setting_allows_is_refused_with_what_it_does(
    shop: Database, setting: str, value: str, reason: str
) -> None:
    outcome = await change_setting(desk_in(shop), setting, value)
    assert isinstance(outcome, Refusal)
    assert reason in outcome.refused
    assert changes(shop) == []


async def test_a_job_makes_a_change_once(shop: Database) -> None:
    receipts = [await change_setting(desk_in(shop), "language", "fr") for _ in range(3)]
    assert receipts[0] == receipts[1] == receipts[2]
    assert changes(shop) == [("language", "de", "fr", "ada")]
    assert isinstance(await change_setting(desk_in(shop, job_id="job-2"), "language", "fr"), SettingUnchanged)


async def test_a_repeat_does_not_undo_what_another_has_set_since(shop: Database) -> None:
    await change_setting(desk_in(shop), "language", "fr")
    await change_setting(desk_in(shop, job_id="job-2"), "language", "it")
    outcome = await change_setting(desk_in(shop), "language", "fr")
    assert isinstance(outcome, Refusal)
    assert "it since" in outcome.refused


async def test_changes_at_the_same_time_follow_each_other(shop: Database) -> None:
    values = ["en", "fr", "it", "es"]
    jobs = (change_setting(desk_in(shop, job_id=f"job-{value}"), "language", value) for value in values)
    await asyncio.gather(*jobs)
    noted = changes(shop)
    assert sorted(value for _, _, value, _ in noted) == sorted(values)
    assert [previous for _, previous, _, _ in noted] == ["de", *(value for _, _, value, _ in noted[:-1])]


@pytest.mark.parametrize(
    ("user", "setting", "value", "asks"),
    [
        ("ada", "two_factor_required", "off", True),
        ("ada", "external_sharing", "anyone", True),
        ("ada", "retention_days", "30", True),
        ("ada", "retention_days", "400", False),
        ("ada", "external_sharing", "partners", True),
        ("ada", "language", "fr", False),
        ("ada", "two_factor_required", "on", False),
        ("ada", "two_factor_required", "perhaps", False),
        ("ben", "two_factor_required", "off", False),
        ("bella", "two_factor_required", "off", False),
    ],
)
async def test_a_person_is_asked_about_a_change_that_opens_or_is_dangerous_if_it_would_be_made(
    shop: Database, user: str, setting: str, value: str, asks: bool
) -> None:
    consent = await consent_to_change(desk_in(shop, user), setting, value)
    assert (consent is not None) is asks
    if consent is not None:
        assert consent.facts["organisation_id"] == "aurora"
        assert (consent.facts["setting"], consent.facts["value"], consent.facts["user_id"]) == (setting, value, user)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_a_person_is_asked_about_every_step_that_lets_others_in(setting: Setting) -> None:
    values = [str(each) for each in setting.values][:50]
    opens = {(low, high) for at, low in enumerate(values) for high in values[at + 1 :]}
    asked = {(low, high) for low in values for high in values if setting.needs_person(low, high)}
    assert opens <= asked if setting.openness == "rises" else not opens & asked


def test_every_setting_that_lets_others_in_begins_closed() -> None:
    opening = [setting for setting in SETTINGS.values() if setting.openness == "rises"]
    assert {setting.name for setting in opening} == {"two_factor_required", "external_sharing"}
    assert all(setting.default == setting.values[0] for setting in opening)


def test_an_admin_alone_reaches_the_settings_through_the_data(shop: Database) -> None:
    def change(data: OrganisationData) -> Any:
        return data.change_setting(SETTINGS["language"], "fr", key="k", now=NOW)

    with pytest.raises(NotAnAdmin), open_organisation(shop.of(DEFAULT_TENANT), "aurora", "ben", write=True) as data:
        change(data)
    with open_organisation(shop.of(DEFAULT_TENANT), "aurora", "ada", write=True) as data:
        assert change(data).changed_at == NOW
