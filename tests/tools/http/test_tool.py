"""Tools that are declared: what a model may fill, what is sent, what is told, and what is never shown."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

import pytest
from pydantic import BaseModel, Field

from backdesk.agents import Agent, AgentRequest, AgentResult, Call, Desk, Refusal, Say, agent_task, answer
from backdesk.testing import Bench, sandbox, scripted
from backdesk.tools import ApiKey, HttpAnswer, http_tool
from backdesk.tools.http.caller import OutcomeUnknown
from backdesk.tools.http.tool import MOST_CHARS
from backdesk.worker import TaskContext, TaskError
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.errors import ConfigurationError, Limited
from backdesk.worker.text.json import encode
from tests.support.http_site import Seen, Site, Told, told

Resolve = Callable[..., Any]
#: With what is written otherwise in an address, and in JSON.
SECRET = 's3cret/value+of=the"key'


class Line(BaseModel):
    sku: str
    count: int = Field(ge=1)


class Order(BaseModel):
    lines: list[Line]


@pytest.fixture
def declare(site: Site, resolve: Resolve) -> Callable[..., Any]:
    def make(request: str = "GET /orders/{number}", **more: Any) -> Any:
        method, _, path = request.partition(" ")
        url = f"{method} {site.url(path, 'api.example')}"
        return http_tool("orders", url, "Orders.", **{"private": True, "resolve": resolve, **more})

    return make


# What is sent


async def test_arguments_are_put_where_they_belong(site: Site, desk: Desk, declare: Callable[..., Any]) -> None:
    site.answers["/orders/A%201%3F%23%26"] = told({"state": "sent"})
    query = {"since": str | None, "tags": list[str] | None, "open": bool | None}
    tool = declare(query=query, headers={"X-Trace": str | None}, fixed={"v": "2"})
    found = await tool(desk, number="A 1?#&", since="a&b=c\r\nX: y", tags=["x", "y"], open=True, **{"X-Trace": "t 1"})
    assert (found.status, found.data, found.source) == (200, {"state": "sent"}, f"api.example:{site.port}")
    assert site.paths == ["/orders/A%201%3F%23%26?v=2&since=a%26b%3Dc%0D%0AX%3A%20y&tags=x&tags=y&open=true"]
    assert site.seen[0].headers["X-Trace"] == "t 1"


PARTS = Path(__file__).with_name("parts.txt").read_text("utf-8").split()


@pytest.mark.parametrize(
    "value", [*PARTS, "", " ", " .. ", "a\r\nHost: evil", "a\x00", "a\u200b..", ".\u200b.", "\ud800"]
)
async def test_a_part_of_a_path_stays_one_part_of_it(
    site: Site, desk: Desk, declare: Callable[..., Any], value: str
) -> None:
    found = await declare()(desk, number=value)
    if isinstance(found, Refusal):
        assert site.seen == []
    else:  # what only looks like a slash, and is none to any server
        assert site.paths[0].count("/") == 2
        assert not {"..", "%2f", "%5c", "%0"} & {*site.paths[0].lower().split("/")}
        assert value in {"\u2215..", "\u2044.."}


async def test_parts_that_are_dots_together_are_refused(desk: Desk, declare: Callable[..., Any]) -> None:
    assert isinstance(await declare("GET /a/{x}{y}/b")(desk, x="..", y="a"), Refusal)
    assert isinstance(await declare("GET /a/.{x}/b")(desk, x="."), Refusal)


@pytest.mark.parametrize("value", ["a\r\nX-Admin: 1", "a\nb", "a\x00", "ü", "", " ", "a\u2028b"])
async def test_a_header_has_one_line(site: Site, desk: Desk, declare: Callable[..., Any], value: str) -> None:
    found = await declare("GET /", headers={"X-Trace": str})(desk, **{"X-Trace": value})
    assert isinstance(found, Refusal)
    assert site.seen == []


async def test_a_body_is_sent_as_json(site: Site, desk: Desk, declare: Callable[..., Any]) -> None:
    site.answers["/orders"] = told({"number": 7}, 201)
    tool = declare("POST /orders", body=Order, effect="unsafe")
    assert tool.schema["properties"]["body"]["properties"]["lines"]["items"] == {"$ref": "#/$defs/Line"}
    found = await tool(desk, body={"lines": [{"sku": "K-1", "count": 2}]})
    assert (found.status, found.data) == (201, {"number": 7})
    assert json.loads(site.seen[0].body) == {"lines": [{"sku": "K-1", "count": 2}]}
    assert site.seen[0].headers["Content-Type"] == "application/json"


# What is told


async def test_a_long_answer_is_cut_and_says_so(site: Site, desk: Desk, declare: Callable[..., Any]) -> None:
    site.answers["/"] = told(["x" * 100] * 1_000)
    found = await declare("GET /")(desk)
    assert (len(found.data), found.left_out > 0) == (MOST_CHARS, True)


@pytest.mark.parametrize("body", ['{"a": NaN}', "[1e999]", "[" * 60 + "]" * 60, "[" * 190 + "]" * 190, '{"a": 1'])
async def test_json_that_no_ledger_takes_is_told_as_text(
    site: Site, desk: Desk, declare: Callable[..., Any], body: str
) -> None:
    site.answers["/orders/1"] = Told(body.encode(), headers={"Content-Type": "application/json"})
    found = await declare()(desk, number="1")
    assert found.data == body
    encode({"result": {"content": found.model_dump()}})


async def test_an_error_of_the_request_is_an_answer_for_the_model(
    site: Site, desk: Desk, declare: Callable[..., Any]
) -> None:
    site.answers["/"] = told({"error": "unknown order"}, 404)
    found = await declare("GET /")(desk)
    assert (found.status, found.data) == (404, {"error": "unknown order"})


# Secrets

KEYS = [ApiKey.bearer("SHOP_KEY"), ApiKey.in_header("X-Key", "SHOP_KEY"), ApiKey.in_query("key", "SHOP_KEY")]


@pytest.mark.parametrize("key", KEYS)
async def test_a_secret_is_sent_and_shown_to_nobody(
    site: Site, desk: Desk, declare: Callable[..., Any], key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", SECRET)
    kept: dict[str, bytes] = {}

    class Shelf:
        async def cached(self, key: str, *, public: bool = False) -> bytes | None:
            return kept.get(key)

        async def cache(self, key: str, value: bytes, ttl_s: float, *, new: bool = False, public: bool = False) -> bool:
            kept[key] = value
            return True

    desk.shelf = Shelf()

    def echo(seen: Seen) -> Told:
        return told({"path": seen.path, "headers": seen.headers})

    site.answers["/"] = echo
    tool = declare("GET /", key=key, ttl_s=60)
    found = await tool(desk)
    sent = site.seen[0]
    assert any(SECRET in each for each in (unquote(sent.path), *sent.headers.values()))
    in_redis = [*kept, *(zlib.decompress(value) for value in kept.values() if len(value) > 1)]
    bodies = [base64.b64decode(json.loads(each)["body"]) for each in in_redis if isinstance(each, bytes)]
    assert len(bodies) == 1
    assert "s3cret" not in f"{found.model_dump()}{tool.schema}{tool.function.__doc__}{key}{in_redis}{bodies}"
    assert "***" in str(found.data)


@pytest.mark.parametrize("key", KEYS)
async def test_a_secret_is_in_no_error(
    site: Site, desk: Desk, declare: Callable[..., Any], key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", SECRET)
    site.answers["/"] = told({}, 401)
    with pytest.raises(TaskError) as raised:
        await declare("GET /", key=key)(desk)
    assert (raised.value.code, raised.value.transient) == ("http_401", False)
    assert "s3cret" not in repr(raised.getrepr(showlocals=False))


async def test_a_secret_that_is_missing_is_named(site: Site, desk: Desk, declare: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="SHOP_KEY is not set"):
        await declare("GET /", key=ApiKey.bearer("SHOP_KEY"))(desk)


async def test_a_secret_with_a_line_end_is_sent_nowhere(
    site: Site, desk: Desk, declare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", f"{SECRET}\r\nX-Admin: 1")
    with pytest.raises(ConfigurationError, match="SHOP_KEY holds what no header can") as raised:
        await declare("GET /", key=ApiKey.bearer("SHOP_KEY"))(desk)
    assert SECRET not in str(raised.value)
    assert site.seen == []


# Repeats


async def test_what_passes_by_itself_is_repeated_within_the_call(
    site: Site, desk: Desk, declare: Callable[..., Any]
) -> None:
    site.answers["/"] = [told({}, 503), told({}, 429, Retry_After="0"), told({"ok": True})]
    assert (await declare("GET /")(desk)).data == {"ok": True}
    assert len(site.seen) == 3


async def test_what_fails_again_and_again_is_a_failure_of_its_status(
    site: Site, desk: Desk, declare: Callable[..., Any]
) -> None:
    site.answers["/"] = told({}, 502)
    with pytest.raises(TaskError) as raised:
        await declare("GET /")(desk)
    assert (raised.value.code, raised.value.transient, len(site.seen)) == ("http_502", True, 3)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_long_pause_that_is_asked_for_parks_the_job(
    site: Site, desk: Desk, declare: Callable[..., Any], status: int
) -> None:
    site.answers["/"] = told({}, status, Retry_After="120")
    with pytest.raises(Limited) as raised:
        await declare("GET /")(desk)
    assert 120 <= raised.value.retry_after_s < 122
    assert len(site.seen) == 1


async def test_an_idempotent_call_is_repeated_by_the_same_key(
    site: Site, desk: Desk, declare: Callable[..., Any]
) -> None:
    site.answers["/orders"] = [told({}, 500), told({"number": 7}, 201)]
    found = await declare("POST /orders", body=Order, effect="idempotent")(desk, body={"lines": []})
    assert found.data == {"number": 7}
    assert [each.headers["Idempotency-Key"] for each in site.seen] == ["job-1:http/call"] * 2


@pytest.mark.parametrize(
    "answered",
    [
        told({}, 500),
        told({}, 408),
        Told(raw=lambda line: None),
        Told(b"x", 201, {"Content-Length": "9", "Content-Type": "text/plain"}),
    ],
)
async def test_of_an_unsafe_call_that_was_sent_and_not_answered_nobody_knows(
    site: Site, desk: Desk, declare: Callable[..., Any], answered: Told
) -> None:
    site.answers["/orders"] = answered
    with pytest.raises(OutcomeUnknown):
        await declare("POST /orders", effect="unsafe")(desk)
    assert len(site.seen) == 1


async def test_an_unsafe_call_that_was_never_sent_has_taken_no_effect(site: Site, desk: Desk, resolve: Resolve) -> None:
    tool = http_tool("pay", "POST http://api.example:9/", "Pay.", effect="unsafe", private=True, resolve=resolve)
    with pytest.raises(TaskError, match="cannot be reached"):
        await tool(desk)


@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_an_unsafe_call_that_is_refused_is_an_answer(
    site: Site, desk: Desk, declare: Callable[..., Any], status: int
) -> None:
    site.answers["/orders"] = told({"error": "no"}, status)
    assert (await declare("POST /orders", effect="unsafe")(desk)).status == status


async def test_the_failure_of_an_unsafe_call_that_opens_the_breaker_is_not_taken_for_undone(
    site: Site, desk: Desk, declare: Callable[..., Any]
) -> None:
    @asynccontextmanager
    async def breaking(_resource: str) -> Any:
        try:
            yield
        except TaskError as error:
            raise Limited(30, "it fails", why="breaker") from error

    desk.reserve = breaking
    site.answers["/orders"] = told({}, 500)
    with pytest.raises(OutcomeUnknown):
        await declare("POST /orders", effect="unsafe")(desk)


async def test_a_service_whose_breaker_is_open_is_told_as_a_failure_and_not_waited_for(
    site: Site, desk: Desk, declare: Callable[..., Any]
) -> None:
    @asynccontextmanager
    async def open_breaker(resource: str) -> Any:
        if resource == "http/api.example":
            raise Limited(30, "it fails", why="breaker")
        yield

    desk.reserve = open_breaker
    with pytest.raises(TaskError, match="left alone"):
        await declare("GET /")(desk)
    assert site.seen == []


# Declarations

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("https://api.example/", {}, "needs a method and an address"),
    ("HEAD https://api.example/", {}, "must have a method of"),
    ("GET ftp://api.example/", {}, "is at no address"),
    ("GET https://{host}/", {}, "holes"),
    ("GET https://api.example/?q={q}", {}, "holes"),
    ("GET https://api.example/#{q}", {}, "holes"),
    ("GET https://api.example/", {"path": {"number": int}}, "number"),
    ("GET https://api.example/", {"body": Order}, "has no body"),
    ("GET https://api.example/", {"effect": "unsafe"}, "changes nothing"),
    ("POST https://api.example/", {}, "say effect="),
    ("POST https://api.example/", {"effect": "pure"}, "say effect="),
    ("POST https://api.example/", {"effect": "unsafe", "ttl_s": 5}, "no answers to keep"),
    ("GET https://api.example/", {"ttl_s": -1}, "keeps answers"),
    ("GET https://api.example/", {"headers": {"Host": str}}, "must not set the header 'Host'"),
    ("GET https://api.example/", {"headers": {"Cookie": str}}, "Cookie"),
    ("GET https://api.example/", {"headers": {"Content-Length": str}}, "Content-Length"),
    ("GET https://api.example/", {"headers": {"X-Forwarded-For": str}}, "X-Forwarded-For"),
    ("GET https://api.example/", {"headers": {"A: b\r\nC": str}}, "must not set the header"),
    ("GET https://api.example/{a}", {"query": {"a": str}}, "two arguments named 'a'"),
    ("GET https://api.example/", {"query": {"a": object()}}, "no type that JSON knows"),
    ("GET https://127.1/", {}, "is at no address"),
    ("GET https://user@api.example/", {}, "is at no address"),
]


@pytest.mark.parametrize(("request_", "options", "why"), WRONG)
def test_a_declaration_that_contradicts_itself_is_refused(request_: str, options: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        http_tool("wrong", request_, "Wrong.", **options)


# In a job


@pytest.fixture
def bench(site: Site, declare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.delitem(REGISTRY, "http.clerk", raising=False)
    number = {"number": Annotated[int, Field(ge=1, le=99_999)]}
    look_up = declare(path=number, ttl_s=60)
    close = http_tool(
        "close_order",
        f"POST {site.url('/close', 'api.example')}",
        "Close.",
        effect="unsafe",
        private=True,
        resolve=_here,
    )
    clerk = Agent("clerk", "You look up orders.", tools=(look_up, close))

    @agent_task("http.clerk")
    async def work(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        return await answer(ctx, clerk, request)

    with Bench() as bench, sandbox():
        yield bench
    REGISTRY.pop("http.clerk", None)


async def _here(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def test_an_agent_calls_an_api_and_reads_its_answer(bench: Bench, site: Site) -> None:
    site.answers["/orders/7"] = told({"state": "sent"})
    with scripted(Call("orders", {"number": 7}), Say("It is sent.")) as model:
        job = bench.run("http.clerk", {"message": "Where is 7?"})
    (reply,) = model.requests[1].replies_of("orders")
    assert (job.result.answer, reply.data["data"]) == ("It is sent.", {"state": "sent"})
    assert job.tool_calls[0].summary == f"200 from api.example:{site.port}"


def test_a_value_that_its_type_forbids_is_not_sent(bench: Bench, site: Site) -> None:
    with scripted(Call("orders", {"number": "../admin"}), Say("No.")) as model:
        bench.run("http.clerk", {"message": "Where is it?"})
    assert site.seen == []
    assert "is not of type 'integer'" in str(model.requests[1])


def test_what_one_job_has_fetched_another_of_the_tenant_finds(bench: Bench, site: Site) -> None:
    site.answers["/orders/7"] = told({"state": "sent"})
    for tenant in ("acme", "acme", "other"):
        with scripted(Call("orders", {"number": 7}), Say("It is sent.")):
            bench.run("http.clerk", {"message": "Where is 7?"}, tenant=tenant)
    assert len(site.seen) == 2


def test_a_job_whose_service_asks_for_a_pause_is_parked_and_goes_on(bench: Bench, site: Site) -> None:
    site.answers["/orders/7"] = [told({}, 429, Retry_After="60"), told({"state": "sent"})]
    with scripted(Call("orders", {"number": 7}), Say("It is sent.")):
        job = bench.run("http.clerk", {"message": "Where is 7?"})
    assert (job.state, len(job.of("limited")), job.of("retrying")) == ("succeeded", 1, [])


def test_an_unsafe_call_that_is_turned_away_is_made_once_after_the_pause_and_nobody_is_asked(
    bench: Bench, site: Site
) -> None:
    site.answers["/close"] = [told({}, 429, Retry_After="60"), told({"closed": True})]
    with scripted(Call("close_order", {}), Say("Closed.")):
        job = bench.run("http.clerk", {"message": "Close it."})
    assert (job.state, job.of("waiting"), len(job.of("limited")), len(site.seen)) == ("succeeded", [], 1, 2)


def test_a_person_is_asked_about_a_call_of_which_nobody_knows(bench: Bench, site: Site) -> None:
    site.answers["/close"] = [told({}, 500), told({"closed": True})]
    with scripted(Call("close_order", {}), Say("Closed.")):
        job = bench.run("http.clerk", {"message": "Close it."})
        assert (job.state, len(site.seen)) == ("waiting", 1)
        bench.resolve(job, "repeat")
    assert (job.result.answer, len(site.seen)) == ("Closed.", 2)


def test_a_call_is_made_once_whenever_the_worker_dies(bench: Bench, site: Site) -> None:
    for after in range(40):
        site.seen.clear()
        site.answers["/close"] = told({"closed": True})
        with scripted(rule=lambda at: Say("Closed.") if at.replies else (Call("close_order", {}),)):
            job = bench.submit("http.clerk", {"message": "Close it."})
            died = bench.lose(job, after=after)
            bench.go_on(job)
            if job.state == "waiting":
                bench.resolve(job, "done", HttpAnswer(status=200, source="desk", fetched_at="2026-01-01T00:00:00Z"))
        assert job.result.answer == "Closed."
        assert len(site.seen) == 1
        if not died:
            break
    else:
        pytest.fail("it never came to its end")


# Many who wait for the same


async def test_what_many_wait_for_is_fetched_once(site: Site, desk: Desk, declare: Callable[..., Any]) -> None:
    def slow(_seen: Seen) -> Told:
        time.sleep(0.1)
        return told({"ok": True})

    site.answers["/"] = slow
    tool = declare("GET /", ttl_s=60)
    found = await asyncio.gather(*(tool(desk) for _ in range(50)))
    assert {str(each.data) for each in found} == {"{'ok': True}"}
    assert len(site.seen) == 1


async def test_those_who_wait_are_told_of_the_failure_and_do_not_try_in_turn(
    site: Site, desk: Desk, declare: Callable[..., Any]
) -> None:
    site.answers["/"] = told({}, 501)
    tool = declare("GET /", ttl_s=60)
    ends = await asyncio.gather(*(tool(desk) for _ in range(10)), return_exceptions=True)
    assert all(isinstance(each, TaskError) for each in ends)
    assert len(site.seen) == 3


async def test_when_the_one_that_fetches_is_cancelled_another_does_it(
    site: Site, desk: Desk, declare: Callable[..., Any]
) -> None:
    def slow(_seen: Seen) -> Told:
        time.sleep(0.1)
        return told({"ok": True})

    site.answers["/"] = slow
    tool = declare("GET /", ttl_s=60)
    first, *others = [asyncio.create_task(tool(desk)) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    found = await asyncio.gather(*others)
    assert {each.status for each in found} == {200}
    assert first.cancelled()


async def test_one_tenant_waits_for_nothing_of_another(site: Site, desk: Desk, declare: Callable[..., Any]) -> None:
    site.answers["/"] = told({"ok": True})
    tool = declare("GET /", ttl_s=60)
    other = Desk(desk.whole, "other", None, desk.key, desk.settings)
    await asyncio.gather(tool(desk), tool(other))
    assert len(site.seen) == 2
