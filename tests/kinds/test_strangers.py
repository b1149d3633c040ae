"""What strangers get of a customer: all tools of all kinds, for another tenant, another customer, and nobody.

The owner is `cust-3` of the tenant `default`, whose rows hold a mark that is in nobody else's. Of every tool a case
says how the owner gets at it, which shows that there is something to get.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from pydantic_core import to_jsonable_python
from sqlalchemy import select

from backdesk.agents.desk import Desk
from backdesk.agents.team import Team
from backdesk.agents.tools import Tool
from backdesk.kinds.contracts import folders
from backdesk.platform.database import Database
from backdesk.platform.settings import load_settings
from backdesk.platform.tables import OfTenant, Table
from backdesk.worker import ChildEnd, Failure
from backdesk.worker.model.job import JobState
from tests.support.recording import Recording, context_of
from tests.support.strangers import MARK, ORDER, OWNER, Case, all_stakes

STRANGERS = [("globex", OWNER), ("globex", "cust-9"), ("globex", None), ("default", "cust-1"), ("default", None)]


def all_tools() -> dict[str, Tool[..., Any]]:
    """All tools of the agents of all kinds that are shipped, by name; of several with one name by the team's, too."""
    modules = [import_module(f"{folder}.kind") for folder in folders()]
    teams = [each for module in modules for each in vars(module).values() if isinstance(each, Team)]
    found: dict[str, dict[Tool[..., Any], str]] = {}
    for team, card in [(each, card) for each in teams for card in each.agents]:
        for tool in card.tools:
            found.setdefault(tool.name, {}).setdefault(tool, f"{tool.name} of {team.name}")
    return {name if len(tools) == 1 else named: tool for name, tools in found.items() for tool, named in tools.items()}


TOOLS = all_tools()


#: What the customer wrote, whoever they are.
SAID = "Text me."
STAKES = all_stakes()
#: What several kinds share, and then the kinds' own.
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
    "system_status": Case(shows=""),
    "calculate": Case({"expression": "12 * 7"}, shows="84"),
    "check_syntax": Case({"language": "json", "code": "1"}, shows="well_formed"),
    "look_up_weather": Case({"place": "Paris"}, shows="recorded sample"),
    "run_python": Case({"code": "1"}, shows="is off"),
    "review_orders": Case(shows='"orders": 5'),
    "spending_by_category": Case(shows='"spent_cents"'),
    "spending_by_month": Case(shows='"spent_cents"'),
    "compare_spending": Case(shows='"others_cents"'),
    **{name: case for stakes in STAKES for name, case in stakes.cases.items()},
}
OF_NOBODY = {
    "system_status",
    "calculate",
    "check_syntax",
    "look_up_weather",
    "run_python",
    *(name for stakes in STAKES for name in stakes.of_nobody),
}
ONLY_FOR_CUSTOMERS = {
    *("look_up_order", "look_up_payments", "refund_order", "check_out"),
    *("review_orders", "spending_by_category", "spending_by_month", "compare_spending"),
    *(name for stakes in STAKES for name in stakes.only_for_customers),
}


def rows_of(shop: Database) -> set[tuple[str, str]]:
    """All rows of all tables, as text."""
    with shop.of_all_tenants().read() as session:
        return {
            (name, json.dumps(to_jsonable_python(dict(row._mapping)), sort_keys=True))
            for name, table in Table.metadata.tables.items()
            for row in session.execute(select(table))
        }


async def code_off(kind: str, request: dict[str, Any], **options: Any) -> ChildEnd:
    """End as `code.run` does in a deployment that runs no code."""
    return ChildEnd(job_id="job-2", state=JobState.FAILED, error=Failure(code="code_off", message="It is off."))


async def called(shop: Database, name: str, tenant: str, customer: str | None) -> str:
    """Call a tool, and what goes with it; return all that came out as text."""
    tool, case = TOOLS[name], CASES[name]
    key = f"{tenant}-{customer}:{{}}".format
    desk: Desk[Any] = Desk(shop, tenant, customer, key, load_settings(), conversation_id="talk")
    desk.message, desk.call = SAID, code_off
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


def test_all_tables_say_whose_their_rows_are_but_the_platform_s_own() -> None:
    classes = [mapper.class_ for mapper in Table.registry.mappers]
    own = {each.__tablename__ for each in classes if not issubclass(each, OfTenant)}
    assert own == {"seedings", "prompt_rules"}
