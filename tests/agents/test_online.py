"""The client of a model's server: what it sends by, and what it takes for an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic_ai import Agent, ModelResponse, UnexpectedModelBehavior

from backdesk.agents.runtime.online import openai_model
from tests.support.bytes_server import bytes_server

MESSAGE = {"role": "assistant", "content": "Hello."}
CHOICE = {"index": 0, "message": MESSAGE, "finish_reason": "stop"}
ANSWER = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [CHOICE]}


def http(body: str, content_type: str = "application/json") -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


async def ask(url: str) -> ModelResponse:
    handle = openai_model("m", responses=False, api_key="key", base_url=url, silence_s=30.0, request_s=30.0)
    try:
        run = await Agent(handle.model).run("Hi.")
    finally:
        await handle.close()
    (response,) = (message for message in run.all_messages() if isinstance(message, ModelResponse))
    return response


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"service_tier": "on_demand"},
        {"created": None},
        {"choices": [{**CHOICE, "finish_reason": None}]},
        {"choices": [{**CHOICE, "message": {**MESSAGE, "of_their_own": 1}}], "more": {"a": 1}},
    ],
)
async def test_answers_that_are_not_quite_of_the_form_are_taken(odd: dict[str, Any]) -> None:
    async with bytes_server(http(json.dumps(ANSWER | odd))) as (server, url):
        assert (await ask(f"{url}/v1")).text == "Hello."
    head = server.requests[0].decode()
    assert head.startswith("POST /v1/chat/completions HTTP/1.1\r\n")
    assert "authorization: Bearer key" in head.replace("Authorization", "authorization")


@pytest.mark.parametrize("body", [http("[1]"), http("{}"), http("<p>Hello.</p>", "text/html")])
async def test_what_is_no_answer_is_told_as_misbehaviour(body: bytes) -> None:
    async with bytes_server(body) as (_, url):
        with pytest.raises(UnexpectedModelBehavior):
            await ask(f"{url}/v1")
