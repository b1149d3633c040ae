"""What strangers get of a customer: all tools of all kinds, for another tenant, another customer, and nobody.

The owner is `cust-3` of the tenant `default`, whose rows hold a mark that is in nobody else's. Of every tool a case
says how the owner gets at it, which shows that there is something to get.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import to_jsonable_python
from sqlalchemy import select

from backdesk.agents.desk import Context, Desk
from backdesk.agents.team import Team
from backdesk.agents.tools import Tool
from backdesk.kinds.account.identity import Denial, Identity
from backdesk.kinds.account.mailed_codes import OUTBOX, MailedCodes
from backdesk.kinds.account.sign_in import AccountContext
from backdesk.kinds.account.tables import SignIn
from backdesk.kinds.audit.kind import chunks, count_entries
from backdesk.kinds.contextual.tables import PreferenceStatement
from backdesk.kinds.contracts import folders
from backdesk.kinds.organisation.tables import Document, Member
from backdesk.kinds.organisation.tools import OrganisationContext
from backdesk.kinds.voice.tables import Advisor, Appointment, TakenSlot
from backdesk.platform.database import Database
from backdesk.platform.deployment import deployment
from backdesk.platform.settings import load_settings
from backdesk.platform.tables import OfTenant, Table
from backdesk.service.tables import Article
from backdesk.shop.tables import Cart, CartLine, Customer, Order, Product
from tests.support.recording import Recording, context_of

#: In all that is the owner's, or the tenant's, and in nothing else.
MARK = "xylograph"
LAMP = f"Aurora desk lamp {MARK}"
OWNER, ORDER = "cust-3", 10003
NOW = datetime(2026, 3, 24, 9, 20, tzinfo=UTC)
THREE_PM = datetime(2026, 3, 25, 14, tzinfo=UTC)
IN_AN_HOUR = NOW + timedelta(hours=1)

STRANGERS = [("globex", OWNER), ("globex", "cust-9"), ("globex", None), ("default", "cust-1"), ("default", None)]


def all_tools() -> dict[str, Tool[..., Any]]:
    """All tools of the agents of all kinds that are shipped, by name."""
    modules = [import_module(f"{folder}.kind") for folder in folders()]
    teams = [each for module in modules for each in vars(module).values() if isinstance(each, Team)]
    return {tool.name: tool for team in teams for card in team.agents for tool in card.tools}


TOOLS = all_tools()


def signed_in(customer: str | None) -> Context:
    until = IN_AN_HOUR if customer else None
    return AccountContext(user_id=customer, name=customer, tier="basic", signed_in_until=until)


def in_aurora(_customer: str | None) -> Context:
    return OrganisationContext(organisation_id="aurora", user_id="ada", role="admin")


@dataclass(frozen=True)
class Case:
    """How the owner gets at what is theirs; what a tool has of the tenant alone, its other customers may see."""

    args: dict[str, Any] = field(default_factory=dict)
    context: Callable[[str | None], Context] = lambda _customer: Context()
    of_tenant: bool = False
    #: What shows that the owner got it, where that is neither the mark nor a change of their rows.
    shows: str = MARK


CASES = {
    "look_up_order": Case({"order_number": ORDER}),
    "look_up_payments": Case({"order_number": ORDER}, shows="pay-10003"),
    "refund_order": Case({"order_number": ORDER, "reason": "mine"}, shows="R-10003"),
    "open_ticket": Case({"subject": "s", "details": "d", "order_number": ORDER}, shows="T-"),
    "escalate": Case({"cause": "danger", "reason": "r", "details": "d"}, shows="E-"),
    "search_articles": Case({"query": f"{MARK} pairing"}, of_tenant=True),
    "search_products": Case({"query": MARK}, of_tenant=True),
    "look_up_product": Case({"product": "1"}, of_tenant=True),
    "compare_products": Case({"products": ["1", "2"]}, of_tenant=True),
    "put_in_cart": Case({"product": "2", "quantity": 3}),
    "remove_from_cart": Case({"product": "2"}),
    "show_cart": Case(),
    "check_out": Case(shows="order_number"),
    "recommend_products": Case({"interest": "audio"}, of_tenant=True, shows="Breeze"),
    "update_preference": Case(
        {"preference": "contact_method", "value": "sms", "reason": "said so"}, shows='"value": "sms"'
    ),
    "explain_preferences": Case(),
    "review_orders": Case(shows='"orders": 5'),
    "spending_by_category": Case(shows='"spent_cents"'),
    "spending_by_month": Case(shows='"spent_cents"'),
    "compare_spending": Case(shows='"others_cents"'),
    "find_advice": Case(),
    "resolve_time": Case({"words": "tomorrow at 3 pm"}, shows="3 PM"),
    "find_free_times": Case({"day": "tomorrow"}, of_tenant=True, shows="Nora"),
    "list_appointments": Case(),
    "book_appointment": Case({"when": "tomorrow at 5 pm", "topic": "a lamp"}, shows='"change": "booked"'),
    "move_appointment": Case({"when": "tomorrow at 5 pm", "appointment_id": 77}),
    "cancel_appointment": Case({"appointment_id": 77}),
    "show_profile": Case(context=signed_in),
    "list_orders": Case(context=signed_in),
    "change_profile": Case({"name": "Somebody Else"}, context=signed_in, shows="Somebody Else"),
    "request_change": Case({"matter": "account_closure", "details": "close it"}, context=signed_in, shows="T-"),
    "sign_out": Case(context=signed_in, shows="signed_out"),
    "send_code": Case({"email": "chiara@example.com"}, of_tenant=True, shows="chiara@example.com"),
    "check_code": Case({"code": "123456"}, context=lambda _: AccountContext(email="chiara@example.com"), shows="code"),
    "organisation_overview": Case(context=in_aurora, of_tenant=True, shows="Aurora Labs"),
    "search_organisation": Case({"query": MARK}, context=in_aurora, of_tenant=True),
    "list_members": Case(context=in_aurora, of_tenant=True),
    "show_settings": Case(context=in_aurora, of_tenant=True, shows='"value": "de"'),
    "change_setting": Case({"setting": "language", "value": "fr"}, context=in_aurora, of_tenant=True, shows="fr"),
    "system_status": Case(shows=""),
}
#: What names no row at all: what the owner hears, all may hear.
OF_NOBODY = {"system_status", "resolve_time", "send_code", "check_code"}
#: What there is for customers alone.
ONLY_FOR_CUSTOMERS = {
    *("look_up_order", "look_up_payments", "refund_order", "check_out", "update_preference", "explain_preferences"),
    *("review_orders", "spending_by_category", "spending_by_month", "compare_spending", "find_advice"),
    *("book_appointment", "move_appointment", "cancel_appointment", "list_appointments"),
    *("show_profile", "list_orders", "change_profile", "request_change", "sign_out"),
}


@pytest.fixture(scope="module")
def small(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample shop without its years of closed orders, so that all rows can be looked at."""
    path = tmp_path_factory.mktemp("small") / "shop.sqlite3"
    shutil.copy(seeded, path)
    with closing(sqlite3.connect(path)) as database:
        for table, number in (("ledger", "order_number"), ("refunds", "order_number"), ("order_lines", "order_number")):
            database.execute(f"DELETE FROM {table} WHERE {number} > 20000")  # noqa: S608 - names of ours
        database.execute("DELETE FROM orders WHERE number > 20000")
        database.execute("DELETE FROM customers WHERE id LIKE 'past-1%'")
        database.commit()
        database.execute("VACUUM")
    return path


@pytest.fixture
def owned(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A shop in which the mark is in all that is the owner's."""
    shutil.copy(small, tmp_path / "shop.sqlite3")
    monkeypatch.setattr(Database, "now", lambda _: NOW)
    with closing(deployment().database) as shop:
        _mark(shop)
        yield shop


def _mark(shop: Database) -> None:
    with shop.of("default").write() as session:
        session.get_one(Customer, ("default", OWNER)).name = f"Chiara {MARK}"
        session.get_one(Product, 1).name = LAMP
        order = session.get_one(Order, ORDER)
        order.lines[0].product_id = 1
        cart = Cart(owner=f"customer/{OWNER}", opened_at=NOW, lines=[CartLine(product_id=1, quantity=1)])
        slots = [TakenSlot(advisor="Nora", starts_at=THREE_PM)]
        meeting = {"advisor": "Nora", "customer_id": OWNER, "starts_at": THREE_PM, "minutes": 30, "topic": MARK}
        said = {"name": "interested_in", "value": "audio", "source": "explicit", "by": "a", "reason": MARK, "at": NOW}
        session.add_all(
            [
                cart,
                Appointment(id=77, **meeting, slots=slots),
                PreferenceStatement(customer_id=OWNER, key="of-the-owner", **said),
                Article(slug=MARK, title=f"Pairing {MARK}", keywords=f"{MARK} lamp", body="Hold it."),
                SignIn(conversation_id="talk", user_id=OWNER, name=OWNER, tier="basic", until=IN_AN_HOUR),
            ]
        )
        session.scalars(select(Document).limit(1)).one().body = MARK
        session.scalars(select(Member).filter_by(user_id="chiara")).first().name = MARK  # type: ignore[union-attr]
    with shop.of("globex").write() as session:
        # Who asks from there is known there, so that nothing is refused for that.
        session.add_all(
            [Customer(id=each, name="G", email="g", tier="basic", time_zone="UTC") for each in (OWNER, "cust-9")]
        )
        session.add(Advisor(name="Gil", field="all"))


def rows_of(shop: Database) -> set[tuple[str, str]]:
    """All rows of all tables, as text."""
    with shop.of_all_tenants().read() as session:
        return {
            (name, json.dumps(to_jsonable_python(dict(row._mapping)), sort_keys=True))
            for name, table in Table.metadata.tables.items()
            for row in session.execute(select(table))
        }


async def called(shop: Database, name: str, tenant: str, customer: str | None) -> str:
    """Call a tool, and what goes with it; return all that came out as text."""
    tool, case = TOOLS[name], CASES[name]
    key = f"{tenant}-{customer}:{{}}".format
    desk: Desk[Any] = Desk(shop, tenant, customer, key, load_settings(), conversation_id="talk")
    desk.context, desk.system = case.context(customer), context_of(Recording()).system
    heard: list[Any] = [await asked(desk, **case.args) for asked in (tool.consent, tool.terms) if asked]
    heard.append(await tool(desk, **case.args))
    heard += [await tool.done(desk)] if tool.done else []
    return json.dumps(to_jsonable_python(heard))


def names(*, of_tenant: bool) -> list[str]:
    return sorted(name for name, case in CASES.items() if case.of_tenant is of_tenant and name not in OF_NOBODY)


def changes(
    before: set[tuple[str, str]], after: set[tuple[str, str]], tenant: str, customer: str | None
) -> Iterator[str]:
    """Tell which rows were changed, made or removed that are not the stranger's own alone."""
    for table, text in before ^ after:
        row = json.loads(text)
        owners = {row[name] for name in ("customer_id", "user_id") if name in row} | (
            {row["id"]} if table == "customers" else set()
        )
        own = row.get("tenant", tenant) == tenant and owners <= {customer}
        if not own or MARK in text or row.get("order_number") == ORDER:
            yield f"{table} {text}"


def test_every_tool_of_every_kind_has_a_case() -> None:
    assert set(CASES) == set(TOOLS), "say in CASES how the owner gets at what is theirs by the tool"


@pytest.mark.parametrize("name", sorted(CASES))
async def test_the_owner_gets_what_is_theirs(owned: Database, name: str) -> None:
    assert CASES[name].shows in await called(owned, name, "default", OWNER)


@pytest.mark.parametrize("name", names(of_tenant=False))
async def test_a_stranger_hears_nothing_of_the_owner_s_and_changes_nothing(
    owned: Database, name: str, subtests: pytest.Subtests
) -> None:
    for tenant, customer in STRANGERS:
        with subtests.test(tenant=tenant, customer=customer):
            before = rows_of(owned)
            assert MARK not in await called(owned, name, tenant, customer)
            assert list(changes(before, rows_of(owned), tenant, customer)) == []


@pytest.mark.parametrize("name", names(of_tenant=True))
async def test_another_tenant_hears_nothing_of_what_is_the_tenant_s_and_changes_nothing(
    owned: Database, name: str, subtests: pytest.Subtests
) -> None:
    for tenant, customer in (each for each in STRANGERS if each[0] != "default"):
        with subtests.test(tenant=tenant, customer=customer):
            before = rows_of(owned)
            heard = await called(owned, name, tenant, customer)
            assert CASES[name].shows not in heard.replace(json.dumps(CASES[name].args), "")
            assert list(changes(before, rows_of(owned), tenant, customer)) == []


@pytest.mark.parametrize("name", sorted(ONLY_FOR_CUSTOMERS))
async def test_whoever_is_not_identified_is_asked_to_sign_in(owned: Database, name: str) -> None:
    assert re.search("sign in|signed in", await called(owned, name, "default", None))


async def test_a_code_signs_in_the_customer_of_the_tenant_that_asked_for_it(owned: Database, tmp_path: Path) -> None:
    codes = MailedCodes(load_settings(), owned)
    await codes.begin("globex", "chiara@example.com")
    assert not (tmp_path / OUTBOX).exists(), "the address is another tenant's"
    await codes.begin("default", "chiara@example.com")
    (code,) = re.findall(r"\d{6}", (tmp_path / OUTBOX).read_text())
    assert await codes.verify("globex", "chiara@example.com", code, key="job-1") is Denial.WRONG
    known = await codes.verify("default", "chiara@example.com", code, key="job-1")
    assert isinstance(known, Identity)
    assert known.user_id == OWNER


def test_an_audit_counts_its_own_tenant_s_rows_alone(owned: Database) -> None:
    assert count_entries(owned.of("default"), None) > 0
    assert count_entries(owned.of("globex"), None) == 0
    assert [orders for orders, _ in chunks(owned.of("globex"), None, 100, -1)] == [[]]


def test_all_tables_say_whose_their_rows_are_but_the_platform_s_own() -> None:
    classes = [mapper.class_ for mapper in Table.registry.mappers]
    own = {each.__tablename__ for each in classes if not issubclass(each, OfTenant)}
    assert own == {"seedings", "prompt_rules"}
