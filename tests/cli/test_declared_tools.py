"""Tools that are declared in code and held by agents: what `backdesk doctor` and `health --deep` say of them."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
import redis

from backdesk.agents import Agent, McpServer
from backdesk.agents.declared import declared_in, dependencies_of
from backdesk.agents.tools import Tool
from backdesk.platform.checking_loop import run_checking
from backdesk.platform.dependency import Dependency, Unfit
from backdesk.platform.reachability import Reach, Reached, check_all
from backdesk.tools import ApiKey, JsonSearch, database_tool, http_tool, openapi_tools, search_tool
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import run
from tests.cli.conftest import Answer, Cli
from tests.support.http_site import Site, Told, serving, told
from tests.support.mcp_server import Board
from tests.support.mcp_server import serving as serving_mcp
from tests.support.postgres import find_server, postgres

SECRET = "sesame-of-the-test"
TABLES: dict[str, Any] = {"tables": {"orders": ("number integer", "status text")}, "tenant_column": "tenant"}
ORDERS = "CREATE TABLE orders (number integer, status text, tenant text)"
PROGRAMS = find_server()


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", SECRET)


def checked(*tools: Tool[..., Any], mcp: tuple[McpServer, ...] = ()) -> Reached:
    """Return what came of the one dependency of an agent's tools."""
    (declared,) = dependencies_of([Agent("clerk", "You work.", tools=tools, mcp=mcp)])
    (reached,) = check_all([declared.dependency], 30)
    assert SECRET not in reached.told + reached.fix
    return reached


def api(site: Site, path: str = "/", method: str = "GET", **more: Any) -> Tool[..., Any]:
    options = {"private": True, "key": ApiKey.bearer("SHOP_KEY"), **more}
    return http_tool("orders", f"{method} {site.url(path)}", "Orders.", **options)


# HTTP


def test_an_api_that_answers_is_well_and_was_given_the_key(site: Site) -> None:
    site.answers["/"] = told({})
    reached = checked(api(site))
    assert (reached.reach, "the key in SHOP_KEY was not refused" in reached.told) == (Reach.REACHED, True)
    assert [each.headers["Authorization"] for each in site.seen] == [f"Bearer {SECRET}"]


@pytest.mark.parametrize("key", [ApiKey.bearer("SHOP_KEY"), ApiKey.in_query("key", "SHOP_KEY")])
def test_a_key_that_is_refused_is_told_by_its_variable(site: Site, key: ApiKey) -> None:
    site.answers["/"] = told({"message": f"{SECRET} is wrong"}, 401)
    reached = checked(api(site, key=key))
    assert (reached.reach, reached.fix) == (Reach.FAILED, "put a key that it takes into SHOP_KEY")
    assert "refuses the key: status 401" in reached.told


@pytest.mark.parametrize(
    ("status", "reach", "fix"),
    [
        (404, Reach.DOUBTFUL, "see whether the address is right"),
        (429, Reach.DOUBTFUL, "ask it less often"),
        (503, Reach.FAILED, "see what is wrong with it"),
        (403, Reach.FAILED, "declare the tool with key="),
    ],
)
def test_what_an_api_answers_is_judged_with_what_to_do(site: Site, status: int, reach: Reach, fix: str) -> None:
    site.answers["/"] = told({}, status)
    reached = checked(api(site, key=None))
    assert (reached.reach, reached.fix) == (reach, fix)


def test_an_operation_that_needs_arguments_may_answer_whatever_it_likes_without_them(site: Site) -> None:
    assert checked(api(site, "/orders/{number}")).reach is Reach.REACHED  # 404
    assert site.paths == ["/orders/-"]


@pytest.mark.parametrize("effect", ["idempotent", "unsafe"])
def test_nothing_but_get_and_head_is_ever_sent(site: Site, effect: Any) -> None:
    checked(api(site, "/pay", "POST", effect=effect))
    assert [each.method for each in site.seen] in ([], ["HEAD"])


def test_of_many_operations_of_one_api_one_is_asked(site: Site) -> None:
    paths = {
        "/orders": {"post": {"operationId": "make"}, "get": {"operationId": "list"}},
        "/orders/{n}": {
            "get": {
                "operationId": "get",
                "parameters": [{"in": "path", "name": "n", "required": True, "schema": {"type": "string"}}],
            }
        },
    }
    site.answers["/orders"] = told([])
    tools = openapi_tools(
        {"openapi": "3.0.0", "paths": paths},
        ("make", "get", "list"),
        hosts=("127.0.0.1",),
        server=site.url(),
        private=True,
    )
    assert checked(*tools).reach is Reach.REACHED
    assert [(each.method, each.path) for each in site.seen] == [("GET", "/orders")]


def test_an_api_that_is_not_there_says_so(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    reached = checked(http_tool("orders", f"GET http://127.0.0.1:{port}/", "Orders.", private=True))
    assert (reached.reach, "cannot be reached" in reached.told) == (Reach.FAILED, True)
    reached = checked(http_tool("orders", site.url("/").replace("http", "GET http", 1), "Orders."))
    assert (reached.reach, "is in a private network" in reached.told) == (Reach.FAILED, True)
    assert "may be private" in reached.fix


def test_a_search_that_is_declared_is_checked(site: Site) -> None:
    site.answers["/search"] = told({"results": []})
    assert checked(search_tool(JsonSearch(site.url("/search"), private=True))).reach is Reach.REACHED


def test_what_takes_too_long_is_ended_and_its_look_ups_keep_nobody() -> None:
    async def look_up_for_ever() -> str:
        await asyncio.to_thread(threading.Event().wait, 60)
        return ""

    began, before = time.monotonic(), {*threading.enumerate()}
    with pytest.raises(Unfit, match=r"did not answer within 0\.1 s"):
        run_checking(look_up_for_ever(), 0.1)
    assert time.monotonic() - began < 10
    left = {*threading.enumerate()} - before
    assert [thread.daemon for thread in left] == [True]


def test_a_missing_key_is_told_by_its_variable(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_KEY")
    reached = checked(api(site))
    assert (reached.reach, "SHOP_KEY" in reached.told, site.seen) == (Reach.FAILED, True, [])


# Databases


def test_a_sqlite_file_is_looked_into(tmp_path: Path) -> None:
    tool = database_tool("orders", url=f"sqlite:///{tmp_path}/shop.sqlite3", **TABLES)
    assert "does not exist" in checked(tool).told
    with closing(sqlite3.connect(tmp_path / "shop.sqlite3")) as made:
        made.execute("CREATE TABLE orders (number integer)")
    assert "is not as it is declared" in checked(tool).told
    with closing(sqlite3.connect(tmp_path / "shop.sqlite3")) as made:
        made.execute("DROP TABLE orders")
        made.execute(ORDERS)
    assert checked(tool).reach is Reach.REACHED


@pytest.mark.skipif(PROGRAMS is None, reason="there is no PostgreSQL here")
def test_of_postgresql_the_user_the_tables_and_the_rights_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    assert PROGRAMS is not None
    tool = database_tool("orders", url="SHOP_DATABASE", **TABLES)
    with postgres(PROGRAMS) as server:
        url = server.database()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE USER reader")
            connection.execute(ORDERS)
        monkeypatch.setenv("SHOP_DATABASE", url)
        assert (checked(tool).reach, checked(tool).fix.startswith("give the tool a user")) == (Reach.DOUBTFUL, True)
        monkeypatch.setenv("SHOP_DATABASE", url.replace("postgres@", f"reader:{SECRET}@"))
        assert "permission denied" in checked(tool).told
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("GRANT SELECT ON orders TO reader")
        assert checked(tool).reach is Reach.REACHED
        monkeypatch.setenv("SHOP_DATABASE", url.replace("postgres@", f"nobody:{SECRET}@"))
        assert checked(tool).fix == "correct the user or the password in SHOP_DATABASE"
    assert (checked(tool).reach, checked(tool).fix) == (Reach.FAILED, "see that it runs and can be reached from here")


# Servers of MCP


def test_a_server_of_mcp_must_have_the_tools_that_are_listed() -> None:
    with serving_mcp(Board()) as url:
        listed: Callable[..., McpServer] = lambda *names: McpServer("parcels", tools=names, url=url, private=True)  # noqa: E731 - two words
        assert checked(mcp=(listed("look_up"),)).told == "has look_up"
        missing = checked(mcp=(listed("look_up", "fly"),))
        assert (missing.reach, missing.fix) == (Reach.FAILED, "list the tools in its McpServer that it has")
        private = checked(mcp=(McpServer("parcels", tools=("look_up",), url=url),))
        assert "private=True" in private.fix
    assert checked(mcp=(listed("look_up"),)).reach is Reach.FAILED


def test_a_command_that_is_not_installed_is_told() -> None:
    reached = checked(mcp=(McpServer("parcels", tools=("look_up",), command=("no-such-program",)),))
    assert (reached.reach, reached.told) == (Reach.FAILED, "there is no program 'no-such-program' here")


# Who has them


def test_a_dependency_that_several_share_is_one_with_all_their_names(site: Site) -> None:
    tool, server = api(site), McpServer("parcels", tools=("a",), url="http://x")
    cards = [Agent(name, "You work.", tools=(tool,), mcp=(server,)) for name in ("clerk", "boss")]
    assert [each.title for each in dependencies_of(cards)] == [
        "MCP server parcels of boss, clerk",
        "tool orders of boss, clerk",
    ]


def test_a_tool_that_no_agent_has_is_none_of_the_deployment_s(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("tasks_of_the_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    held, spare = (http_tool(name, "GET https://x.example/", "X.") for name in ("held_tool", "spare_tool"))
    card = Agent("clerk", "You work.", tools=(held,))
    titles = [each.title for each in declared_in([module.__name__])]
    assert (card.tools, "tool held_tool of clerk" in titles) == ((held,), True)
    assert not any(spare.name in title for title in titles)


@pytest.fixture
def well(client: redis.Redis, settings: Settings) -> str:
    """The URL of a Redis with a worker that is well."""
    facts = WorkerFacts(name="agents@one", slots={"agents": 4}, queues=("agents",))
    run(client, Transitions(settings).announce(facts.name, 60_000, facts.model_dump(mode="json")))
    return settings.url


@pytest.fixture
def deployment(cli: Cli, site: Site, well: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of tasks of which an agent has two tools, where a worker is well."""
    (tmp_path / "declared_tasks.py").write_text(
        "from backdesk.agents import Agent\n"
        "from backdesk.tools import ApiKey, database_tool, http_tool\n"
        f"ask = http_tool('ask', 'GET {site.url('/')}', 'Ask.', private=True, key=ApiKey.bearer('SHOP_KEY'))\n"
        "rows = database_tool('rows', url='SHOP_DATABASE', tables={'orders': ('number',)}, tenant_column='tenant')\n"
        "clerk = Agent('declared_clerk', 'You work.', tools=(ask, rows))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKDESK_TASK_MODULES", "declared_tasks")
    monkeypatch.setenv("SHOP_DATABASE", f"postgresql://me:{SECRET}@127.0.0.1:9/shop")
    # Agents that other tests have left are none of this deployment's.
    monkeypatch.setattr("backdesk.agents.declared.cards", lambda: [sys.modules["declared_tasks"].clerk])
    monkeypatch.delitem(sys.modules, "declared_tasks", raising=False)
    return well


def levels(answer: Answer) -> dict[str, str]:
    found = answer.document.get("checks") or answer.document["findings"]
    return {each["check"]: each["level"] for each in found if "declared_clerk" in each["check"]}


def test_health_checks_what_agents_have_and_doctor_shows_it(
    cli: Cli, redis_server: EmbeddedRedis, deployment: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answers["/"] = Told(b"{}", 200, {"Content-Type": "application/json"})
    health = cli("health", "--deep", "--json", url=redis_server.url)
    ask, rows = "tool ask of declared_clerk: HTTP API", "tool rows of declared_clerk: database"
    assert (health.code, levels(health)) == (1, {ask: "ok", rows: "fail"}), health.out
    doctor = cli("doctor", "--json", url=redis_server.url)
    assert levels(doctor) == {ask: "ok", rows: "ok"}
    monkeypatch.delenv("SHOP_KEY")
    monkeypatch.delitem(sys.modules, "declared_tasks")
    missing = cli("doctor", "--json", url=redis_server.url)
    assert (missing.code, levels(missing)[ask]) == (1, "fail")
    assert SECRET not in health.out + doctor.out + missing.out


def test_task_modules_that_cannot_be_loaded_are_a_finding(
    cli: Cli, redis_server: EmbeddedRedis, deployment: str, tmp_path: Path
) -> None:
    (tmp_path / "declared_tasks.py").write_text("import no_such_library\n")
    answer = cli("health", "--deep", "--json", url=redis_server.url)
    (found,) = [each for each in answer.document["checks"] if each["check"] == "tools of agents"]
    assert (answer.code, found["level"]) == (0, "warn"), answer.out
    (tmp_path / "declared_tasks.py").write_text("1 / 0\n")
    assert cli("health", "--deep", "--json", url=redis_server.url).code == 1


def test_a_check_is_cut_only_when_its_secrets_are_masked() -> None:
    text = "x" * 295 + SECRET
    (reached,) = check_all([Dependency("a", lambda: text, secrets=lambda: (SECRET,))], 10)
    assert reached.told == "x" * 295 + "***"
