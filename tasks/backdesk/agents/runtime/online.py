"""A model on a server that speaks the OpenAI API.

Its client is a third of all that a process with agents loads, so this module is loaded where a model is configured and
asked: not with a kind, and so not by workers of other queues.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.request import getproxies

import httpx2
from openai import (
    DEFAULT_CONNECTION_LIMITS,
    APIConnectionError,
    APITimeoutError,
    AsyncOpenAI,
    AsyncStream,
    DefaultAsyncHttpxClient,
    NotGiven,
    Omit,
)
from openai._models import FinalRequestOptions
from openai.resources.chat import AsyncChat
from openai.resources.chat.completions import AsyncCompletions
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import ValidationError
from pydantic_ai import ModelSettings
from pydantic_ai.models.openai._chat_completions import LenientChatCompletion  # what its models read answers by
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_core import to_json

from backdesk.agents.runtime.chat import ChatModel
from backdesk.agents.runtime.fitting import ResponsesModel
from backdesk.agents.runtime.models import ModelHandle
from backdesk.agents.runtime.wire import tell_sent
from backdesk.platform.network import DirectTransport, trusted

#: What a request may have besides its body, and what a client calls it.
_OPTIONS = {"extra_headers": "headers", "extra_query": "params", "extra_body": "extra_json", "timeout": "timeout"}


class Client(AsyncOpenAI):
    """A client that sends chat completions as they are given, and takes their answers as they come.

    The usual one looks at each part of a request by its annotations, for files and dates to encode, and at each part of
    an answer to build it, which the agents' library then builds again. Here is nothing to encode, and all that takes a
    fifth of the CPU of a whole run of an agent. What is streamed is read by the usual one.
    """

    async def _prepare_options(self, options: FinalRequestOptions) -> FinalRequestOptions:
        """Tell what is sent, as whole as the client has it."""
        tell_sent(options.json_data, options.extra_json)
        return options

    @cached_property
    def chat(self) -> AsyncChat:
        return _Chat(self)

    async def complete(self, body: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
        """Make one request whose answer comes as a whole; raises what the usual client does."""
        more = options.get("extra_json", {})
        tell_sent(body, more)
        request = self._client.build_request(
            "POST",
            self._completions_url,
            content=to_json({**body, **more}),
            headers=self._plain_headers | options.get("headers", {}),
            params=options.get("params"),
            timeout=options.get("timeout", self.timeout),
        )
        try:
            response = await self._client.send(request)
        except httpx2.TimeoutException as error:
            raise APITimeoutError(request=request) from error
        except httpx2.RequestError as error:
            raise APIConnectionError(request=request) from error
        if not response.is_success:
            # The one place where a status becomes an error of the client.
            raise self._make_status_error_from_response(response)
        return _answer_in(response)

    @cached_property
    def _completions_url(self) -> httpx2.URL:
        return self.base_url.join("chat/completions")

    @cached_property
    def _plain_headers(self) -> dict[str, str]:
        """The headers that servers need; the others tell the makers of the client of the machine."""
        headers = {**self.auth_headers, **self.default_headers}
        return {
            name: value
            for name, value in headers.items()
            if isinstance(value, str) and not name.startswith("X-Stainless")
        }


def _answer_in(response: httpx2.Response) -> Any:
    """Return an answer, checked if it is in order; the library mends one that is not, or says what is wrong with it."""
    if "json" not in response.headers.get("content-type", ""):
        return response.text
    data = response.json()
    try:
        return LenientChatCompletion.model_validate(data)
    except ValidationError:
        return ChatCompletion.construct(**data) if isinstance(data, dict) else response.text


class _Chat(AsyncChat):
    @cached_property
    def completions(self) -> AsyncCompletions:
        return _Completions(self._client)


class _Completions(AsyncCompletions):
    _client: Client

    async def create(self, **request: Any) -> Any:
        given = {name: value for name, value in request.items() if not isinstance(value, NotGiven | Omit)}
        options: Any = {theirs: given[name] for name, theirs in _OPTIONS.items() if given.get(name) is not None}
        body = {name: value for name, value in given.items() if name not in _OPTIONS}
        if not given.get("stream"):
            return await self._client.complete(body, options)
        return await self._client.post(
            "/chat/completions",
            body=body,
            options=options,
            cast_to=ChatCompletion,
            stream=True,
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
    kind = ResponsesModel if responses else ChatModel
    return ModelHandle(
        kind(name, provider=provider, settings=settings), name, offline=False, close=client.close, tells=True
    )


def _http() -> httpx2.AsyncClient:
    # A transport that is given is asked in place of the proxies that a machine has, too.
    direct = None if getproxies() else DirectTransport(trusted(), DEFAULT_CONNECTION_LIMITS)
    return DefaultAsyncHttpxClient(verify=trusted(), transport=direct)


async def visit(*, responses: bool) -> None:
    """Come to the parts of a client that it loads at its first request, without one."""
    async with Client(api_key="none", http_client=_http()) as client:
        _ = client.responses if responses else client.chat.completions
