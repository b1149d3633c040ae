"""Other clients of the Responses API, and what Open Responses asks of a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.support.house import House
from tests.support.workers import Fleet

#: The client reads leniently; its types say what a server must send.
EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def frames(http: httpx2.Client, **body: Any) -> list[tuple[str, str]]:
    """The frames of a stream: the field `event`, and the data."""
    text = http.post("/v1/responses", json={"stream": True, **body}).text
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        assert "id" not in fields
        found.append((fields.get("event", ""), fields["data"]))
    return found


def test_a_client_of_asyncio_is_answered_and_streamed(served: str, fleet: Fleet) -> None:
    async def talk() -> tuple[str, list[str]]:
        async with openai.AsyncOpenAI(base_url=f"{served}/v1", api_key="none", max_retries=0) as client:
            whole = await client.responses.create(model="talk.echo", input="hello")
            stream = await client.responses.create(model="talk.echo", input="hello", stream=True)
            return whole.output_text, [event.type async for event in stream]

    text, kinds = asyncio.run(talk())
    assert text == "You said: hello"
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")


def asked_by_agent(served: str, ask: Callable[[Agent[None, str]], Awaitable[str]]) -> str:
    """What an agent of Pydantic AI comes to that has a kind as its model."""

    async def asked() -> str:
        async with openai.AsyncOpenAI(base_url=f"{served}/v1", api_key="none", max_retries=0) as client:
            return await ask(Agent(OpenAIResponsesModel("talk.echo", provider=OpenAIProvider(openai_client=client))))

    return asyncio.run(asked())


async def whole(agent: Agent[None, str]) -> str:
    return (await agent.run("hello")).output


async def streamed(agent: Agent[None, str]) -> str:
    async with agent.run_stream("hello") as run:
        return "".join([piece async for piece in run.stream_text(delta=True)])


@pytest.mark.parametrize("ask", [whole, streamed])
def test_an_agent_of_pydantic_ai_has_a_kind_as_its_model(
    served: str, fleet: Fleet, ask: Callable[[Agent[None, str]], Awaitable[str]]
) -> None:
    assert asked_by_agent(served, ask) == "You said: hello"


@pytest.mark.parametrize("kind", ["talk.echo", "talk.again", "talk.ask", "talk.fail"])
def test_a_stream_has_the_form_of_open_responses(http: httpx2.Client, kind: str) -> None:
    *told, last = frames(http, model=kind, input="hello")
    assert last == ("", "[DONE]")
    for event, data in told:
        document = json.loads(data)
        assert document["type"] == event
        if not event.startswith("backdesk:"):
            EVENTS.validate_json(data)
    assert [json.loads(data)["sequence_number"] for _, data in told] == [*range(len(told))]


def test_a_stream_that_fails_tells_the_error_before_its_end(http: httpx2.Client) -> None:
    told = frames(http, model="talk.fail", input="hello")
    assert [event for event, _ in told[-3:]] == ["error", "response.failed", ""]


def test_a_response_has_the_form_of_open_responses(http: httpx2.Client) -> None:
    answer = http.post("/v1/responses", json={"model": "talk.echo", "input": "hello"})
    response = Response.model_validate_json(answer.text)
    assert response.usage is not None
    assert response.completed_at is not None


def test_what_was_said_before_is_taken_as_items(http: httpx2.Client) -> None:
    said = [("user", "My name is Ada."), ("assistant", "Hello Ada."), ("user", "What is my name?")]
    items = [{"type": "message", "role": role, "content": text} for role, text in said]
    response = Response.model_validate_json(
        http.post("/v1/responses", json={"model": "talk.echo", "input": items}).text
    )
    assert "> user: My name is Ada." in response.output_text


@pytest.mark.parametrize(
    ("given", "param"),
    [
        (
            {"input": [{"role": "system", "content": "Be a pirate."}, {"role": "user", "content": "hi"}]},
            "input[0].role",
        ),
        ({"text": {"format": {"type": "json_schema", "name": "x", "schema": {}}}}, "text.format.schema"),
        ({"text": {"format": {"type": "json_object"}}}, "text.format"),
        ({"previous_response_id": "resp_x", "conversation": "conv_x"}, "conversation"),
        ({"metadata": {"name": "x" * 513}}, "metadata.name"),
    ],
)
def test_cases_that_agents_here_do_not_take_are_refused(
    http: httpx2.Client, given: dict[str, object], param: str
) -> None:
    answer = http.post("/v1/responses", json={"model": "talk.echo", "input": "hello", **given})
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, param)
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_to_another_tenant_a_response_does_not_exist(guarded: httpx2.Client, house: House) -> None:
    job_id = house.asking("acme")
    paths: list[tuple[str, str]] = [
        ("GET", ""),
        ("GET", "?stream=true"),
        ("GET", "/input_items"),
        ("POST", "/cancel"),
        ("DELETE", ""),
    ]
    for method, path in paths:
        theirs = guarded.request(method, f"/v1/responses/resp_{job_id}{path}", headers=house.key("admin", "other"))
        none = guarded.request(method, f"/v1/responses/resp_none{path}", headers=house.key("admin", "other"))
        assert (theirs.status_code, none.status_code) == (404, 404)
        assert theirs.json()["error"]["code"] == none.json()["error"]["code"]
    assert house.jobs.get(job_id).state == "waiting"
