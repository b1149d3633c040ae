"""Clients of MCP that others made, from outside: that of the protocol in both eras, and the toolset of pydantic-ai."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequestParams, ElicitResult
from pydantic_ai.mcp import MCPToolset

from tests.support.eventually import eventually
from tests.support.gateway import serving
from tests.support.mcp_requests import RawClient
from tests.support.workers import Fleet

ERAS = pytest.mark.parametrize("era", ["legacy", "2026-07-28"])


@pytest.fixture(scope="module")
def hasty(shared_fleet: Any) -> Iterator[str]:
    """A gateway whose calls wait for half a second."""
    with shared_fleet.awake() as fleet:
        settings = fleet.settings
    with serving(settings, BACKDESK_MCP_WAIT_S=0.5) as url:
        yield url


@asynccontextmanager
async def connected(url: str, era: Any, **more: Any) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(trust_env=False, timeout=30) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=era, **more) as client,
    ):
        yield client


def said(result: Any) -> str:
    return str(result.content[0].text)


@pytest.mark.parametrize("era", ["legacy", "2026-07-28", "auto"])
async def test_a_tool_gives_the_result_of_its_job(served: str, fleet: Fleet, era: str) -> None:
    async with connected(served, era) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"test_echo", "job_wait", "job_get", "job_answer", "job_cancel"} <= set(tools)
        assert tools["test_echo"].description == "Give back what was asked."
        result = await client.call_tool("test_echo", {"text": "hello"})
        assert result.structured_content == {"text": "hello"}
        assert json.loads(said(result)) == {"text": "hello"}


@ERAS
async def test_progress_rises_whatever_the_job_tells(served: str, fleet: Fleet, era: str) -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async with connected(served, era) as client:
        await client.call_tool("test_ticking", {"n": 5}, progress_callback=hear)
    told = [progress for progress, _, _ in heard]
    assert len(told) > 1
    assert told == sorted(set(told))


@ERAS
async def test_a_job_that_takes_long_is_followed_by_other_tools(hasty: str, fleet: Fleet, era: str) -> None:
    async with connected(hasty, era) as client:
        first = (await client.call_tool("test_sleep", {"n": 0.8})).structured_content
        assert first["state"] == "running"
        assert "job_wait" in first["next"]
        result = await client.call_tool("job_wait", {"job_id": first["job_id"]})
        assert result.structured_content == {"n": 0.8, "flag": ""}
        seen = await client.call_tool("job_get", {"job_id": first["job_id"]})
        assert seen.structured_content["state"] == "succeeded"


@ERAS
async def test_what_a_job_asks_is_answered_by_a_tool(served: str, fleet: Fleet, era: str) -> None:
    async with connected(served, era) as client:
        first = (await client.call_tool("test_question", {"text": "red blue"})).structured_content
        assert first["asks"][0]["choices"] == ["red", "blue"]
        job = {"job_id": first["job_id"]}
        wrong = await client.call_tool("job_answer", {**job, "answer": "green"})
        assert wrong.is_error
        assert "none of red, blue" in said(wrong)
        assert not (await client.call_tool("job_answer", {**job, "answer": "blue"})).is_error
        assert (await client.call_tool("job_wait", job)).structured_content == {"value": "blue"}


@ERAS
async def test_only_a_person_may_tell_what_became_of_an_unsafe_step(served: str, fleet: Fleet, era: str) -> None:
    async with connected(served, era) as client:
        first = (await client.call_tool("test_unsafe", {})).structured_content
        assert "A person must answer" in first["next"]
        refused = await client.call_tool("job_answer", {"job_id": first["job_id"], "answer": "done"})
        assert refused.is_error
        assert "no program may" in said(refused)
        ended = await client.call_tool("job_cancel", {"job_id": first["job_id"]})
        assert ended.structured_content["state"] == "cancelled"


@ERAS
async def test_what_is_wrong_with_a_call_is_told_to_the_model(served: str, fleet: Fleet, era: str) -> None:
    async with connected(served, era) as client:
        wrong = await client.call_tool("test_echo", {"text": 3})
        assert wrong.is_error
        assert said(wrong).startswith("text: ")
        failed = await client.call_tool("test_end", {"text": "number_as_code"})
        assert failed.is_error
        assert "404" in said(failed)
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("test_nothing", {})


@ERAS
async def test_the_same_idempotency_key_makes_one_job(served: str, fleet: Fleet, era: str) -> None:
    async with connected(served, era) as client:
        call = {"text": "once", "idempotency_key": f"mcp-{era}"}
        for _ in range(2):
            assert (await client.call_tool("test_echo", call)).structured_content == {"text": "once"}
        other = await client.call_tool("test_echo", {**call, "text": "twice"})
        assert other.is_error


@ERAS
async def test_a_job_is_a_resource(served: str, fleet: Fleet, era: str) -> None:
    job = fleet.jobs.submit("test.echo", {"text": "read me"})
    job.result(30)
    async with connected(served, era) as client:
        templates = await client.list_resource_templates()
        assert [each.uri_template for each in templates.resource_templates] == ["backdesk://jobs/{id}"]
        contents = (await client.read_resource(f"backdesk://jobs/{job.id}")).contents
        read = json.loads(contents[0].text)  # type: ignore[union-attr]  # JSON is text
        assert read["record"]["state"] == "succeeded"
        assert read["events"][-1]["type"] == "succeeded"
        with pytest.raises(MCPError, match="not found"):
            await client.read_resource("backdesk://jobs/none")


async def test_closing_the_stream_of_a_call_cancels_its_job(served: str, fleet: Fleet) -> None:
    job_id = await _left(served, "2026-07-28", fleet)
    eventually(lambda: fleet.jobs.get(job_id).state == "cancelled")


async def test_before_2026_a_closed_stream_leaves_the_job_alone(served: str, fleet: Fleet) -> None:
    job_id = await _left(served, "legacy", fleet)
    assert fleet.jobs.wait(job_id, 30).state == "succeeded"


async def _left(url: str, era: str, fleet: Fleet) -> str:
    """Begin a call, go away when its job runs, and return the job."""
    before = {record.id for record in fleet.jobs.list(kind="test.sleep")}

    def begun() -> str | None:
        running = (each.id for each in fleet.jobs.list(kind="test.sleep") if each.state == "running")
        return next((each for each in running if each not in before), None)

    async with connected(url, era) as client:
        call = asyncio.ensure_future(client.call_tool("test_sleep", {"n": 1.5}))
        job_id = await anyio.to_thread.run_sync(lambda: eventually(begun)) or ""
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    return job_id


async def test_the_toolset_of_pydantic_ai_calls_tools(served: str, fleet: Fleet) -> None:
    async with MCPToolset(f"{served}/mcp", id="backdesk") as toolset:
        tools = {tool.name for tool in await toolset.list_tools()}
        assert {"test_echo", "job_wait"} <= tools
        assert await toolset.direct_call_tool("test_echo", {"text": "hi"}) == {"text": "hi"}


def test_clients_of_both_eras_are_told_of_tools_by_what_they_know(served: str, fleet: Fleet) -> None:
    with RawClient(served) as able, RawClient(served, capabilities={}) as plain:
        with_tasks = {tool["name"]: tool for tool in able.ask("tools/list")["tools"]}
        without = {tool["name"]: tool for tool in plain.ask("tools/list")["tools"]}
    assert set(without) - set(with_tasks) == {"job_wait", "job_get", "job_answer", "job_cancel"}
    assert "anyOf" in without["test_echo"]["outputSchema"]
    assert "anyOf" not in with_tasks["test_echo"]["outputSchema"]


@pytest.mark.parametrize(
    ("action", "content", "result"),
    [("accept", {"decision": "approve", "note": "ok"}, [True, "local", "ok"]), ("decline", None, [False, "local", ""])],
)
async def test_a_client_that_can_ask_its_user_does_so_within_the_call(
    served: str, fleet: Fleet, action: Any, content: Any, result: Any
) -> None:
    asked: list[str] = []

    async def ask(_: Any, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action=action, content=content)

    async with connected(served, "2026-07-28", elicitation_callback=ask) as client:
        answer = await client.call_tool("test_approval", {"text": "the parcel"})
    assert answer.structured_content == {"value": result}
    assert len(asked) == 1
    assert asked[0].startswith("May the parcel be refunded?")


async def test_what_its_user_dismisses_is_left_for_somebody_else(served: str, fleet: Fleet) -> None:
    async def dismiss(_: Any, __: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action="cancel")

    async with connected(served, "2026-07-28", elicitation_callback=dismiss) as client:
        left = (await client.call_tool("test_approval", {"text": "the parcel"})).structured_content
        assert left["state"] == "waiting"
        await client.call_tool("job_cancel", {"job_id": left["job_id"]})
