"""A model on a server that speaks the OpenAI API.

Its client is a third of all that a process with agents loads, so this module is loaded where a model is configured and
asked: not with a kind, and so not by workers of other queues.
"""

from __future__ import annotations

import ssl
from functools import cache, cached_property
from typing import Any

import httpx2
from openai import AsyncOpenAI, AsyncStream, DefaultAsyncHttpxClient, NotGiven, Omit
from openai._models import FinalRequestOptions
from openai.resources.chat import AsyncChat
from openai.resources.chat.completions import AsyncCompletions
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic_ai import ModelSettings
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from backdesk.agents.runtime.models import ModelHandle
from backdesk.agents.runtime.wire import tell_sent

#: What a request may have besides its body, and what a client calls it.
_OPTIONS = {"extra_headers": "headers", "extra_query": "params", "extra_body": "extra_json", "timeout": "timeout"}


class Client(AsyncOpenAI):
    """A client that sends chat completions as they are given: the agents' library gives JSON.

    The usual one looks at each part of a request by its annotations, for files and dates to encode. Here there is none
    of either, and to look for them takes a seventh of the CPU of a whole run of an agent.
    """

    async def _prepare_options(self, options: FinalRequestOptions) -> FinalRequestOptions:
        """Tell what is sent, as whole as the client has it."""
        tell_sent(options.json_data, options.extra_json)
        return options

    @cached_property
    def chat(self) -> AsyncChat:
        return _Chat(self)


class _Chat(AsyncChat):
    @cached_property
    def completions(self) -> AsyncCompletions:
        return _Completions(self._client)


class _Completions(AsyncCompletions):
    async def create(self, **request: Any) -> Any:
        given = {name: value for name, value in request.items() if not isinstance(value, NotGiven | Omit)}
        options: Any = {theirs: given[name] for name, theirs in _OPTIONS.items() if given.get(name) is not None}
        return await self._client.post(
            "/chat/completions",
            body={name: value for name, value in given.items() if name not in _OPTIONS},
            options=options,
            cast_to=ChatCompletion,
            stream=bool(given.get("stream")),
            stream_cls=AsyncStream[ChatCompletionChunk],
        )


def openai_model(
    name: str,
    *,
    responses: bool,
    api_key: str | None,
    base_url: str | None,
    silence_s: float,
    request_s: float,
) -> ModelHandle:
    """Connect to a server that speaks the OpenAI API. Nothing is sent yet."""
    # The engine decides about repeats: a client that sleeps and retries would hold a slot that nobody sees.
    key = api_key or "none"
    client = Client(api_key=key, base_url=base_url, max_retries=0, timeout=silence_s, http_client=_http())
    settings = ModelSettings(timeout=silence_s, request_timeout=request_s)
    provider = OpenAIProvider(openai_client=client)
    kind = OpenAIResponsesModel if responses else OpenAIChatModel
    return ModelHandle(
        kind(name, provider=provider, settings=settings), name, offline=False, close=client.close, tells=True
    )


def _http() -> httpx2.AsyncClient:
    return DefaultAsyncHttpxClient(verify=_trusted())


@cache
def _trusted() -> ssl.SSLContext:
    """Return the certificates that this machine trusts, once: each client would read them, and again for a proxy."""
    return httpx2.create_ssl_context()


async def visit(*, responses: bool) -> None:
    """Come to the parts of a client that it loads at its first request, without one."""
    async with Client(api_key="none", http_client=_http()) as client:
        _ = client.responses if responses else client.chat.completions
