"""The client of a model's server: what it sends by, and what it takes for an answer."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from types import ModuleType
from typing import Any

import pytest
from openai.types.chat import ChatCompletion
from pydantic_ai import Agent, ModelResponse, Tool, UnexpectedModelBehavior
from pydantic_ai.models.openai._response_fields import map_usage

from backdesk.agents.runtime.chat import usage_in
from backdesk.agents.runtime.online import openai_model
from backdesk.worker import loading
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


@pytest.mark.parametrize("address", ["https://api.openai.com/v1", "https://api.deepseek.com", "http://127.0.0.1:1/v1"])
@pytest.mark.parametrize(
    "usage",
    [
        None,
        {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
        {
            "prompt_tokens": 12,
            "completion_tokens": 9,
            "total_tokens": 21,
            "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 1, "cache_write_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 2},
            "prompt_cache_hit_tokens": 8,
            "cost": 0.25,
        },
    ],
)
def test_what_was_used_is_told_as_by_the_library(usage: dict[str, Any] | None, address: str) -> None:
    answer = ChatCompletion.model_validate(ANSWER | {"usage": usage})
    assert usage_in(answer, "openai", address, "gpt-5") == map_usage(answer, "openai", address, "gpt-5")


@pytest.mark.parametrize("name", ["openai.types", "openai.types.responses"])
def test_the_types_of_the_model_s_client_by_name_are_those_of_the_whole_package(name: str) -> None:
    path = import_module(name.rpartition(".")[0]).__path__
    spec = loading._finder.find_spec(name, path)
    assert spec is not None
    by_name = module_from_spec(spec)
    assert isinstance(spec.loader, SourceFileLoader)
    spec.loader.exec_module(by_name)
    whole = whole_package(name, spec.loader.path)
    offered = [each for each in vars(whole) if not each.startswith("_") and each != "annotations"]
    assert len(offered) > 100
    assert [each for each in offered if getattr(by_name, each) is not getattr(whole, each)] == []


def whole_package(name: str, path: str) -> ModuleType:
    """The package as it would be loaded."""
    loader = SourceFileLoader(name, path)
    spec = spec_from_loader(name, loader, is_package=True)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


async def test_the_proxy_of_a_machine_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bytes_server(http(json.dumps(ANSWER))) as (proxy, url):
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.setenv("http_proxy", url)
        assert (await ask("http://models.example/v1")).text == "Hello."
    assert proxy.requests[0].startswith(b"POST http://models.example/v1/chat/completions HTTP/1.1\r\n")


async def test_agents_that_share_a_model_offer_each_its_own_tools() -> None:
    def by_number(number: int) -> str:
        return str(number)

    def by_name(name: str) -> str:
        return name

    async with bytes_server(http(json.dumps(ANSWER))) as (server, url):
        handle = openai_model("m", responses=False, api_key="key", base_url=f"{url}/v1", silence_s=30.0, request_s=30.0)
        for tool in (by_number, by_name, by_number):
            await Agent(handle.model, tools=[Tool(tool, name="find")]).run("Hi.")
        await handle.close()
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]
    offered = [[*body["tools"][0]["function"]["parameters"]["properties"]] for body in bodies]
    assert offered == [["number"], ["name"], ["number"]]
