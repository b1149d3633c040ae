"""The models behind the agents: a server that speaks the OpenAI API, or rules that stand in for one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from openai import AsyncOpenAI
from pydantic_ai import (
    ModelMessage,
    ModelResponse,
    ModelSettings,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_core import from_json, to_jsonable_python

from backdesk.agents.card import ASK, HAND_OVER
from backdesk.agents.metering import Estimates, RequestUsage
from backdesk.agents.runtime.errors import error_of
from backdesk.agents.runtime.messages import History
from backdesk.agents.situation import Act, Fail, Say, Situation, Spoken, ToolReply

#: By which the library marks what it tells a model about its answer, between the words of the user.
FEEDBACK = "<pyai:retry_feedback>"


def _unknown(_used: RequestUsage) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ModelHandle:
    """A model, bound to the event loop that first uses it."""

    model: Model
    name: str
    offline: bool
    close: Callable[[], Awaitable[None]]
    #: Its name among the services that limits are set for, and the fingerprint of its key.
    resource: str = ""
    key: str = ""
    #: What is asked when this one is known to fail.
    fallback: ModelHandle | None = None
    #: What is asked when a budget is spent that is gone on with by cheaper means.
    cheaper: ModelHandle | None = None
    #: The cost of a request in US dollars, None when it is not known.
    price: Callable[[RequestUsage], float | None] = _unknown
    estimates: Estimates = field(default_factory=Estimates)


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
    client = AsyncOpenAI(api_key=api_key or "none", base_url=base_url, max_retries=0, timeout=silence_s)
    settings = ModelSettings(timeout=silence_s, request_timeout=request_s)
    provider = OpenAIProvider(openai_client=client)
    kind = OpenAIResponsesModel if responses else OpenAIChatModel
    return ModelHandle(kind(name, provider=provider, settings=settings), name, offline=False, close=client.close)


def scripted_model(name: str, act: Act, token_delay_s: float) -> ModelHandle:
    """Make a model out of rules; it drives the same agents, tools and streams as a real one."""

    async def respond(messages: History, info: AgentInfo) -> ModelResponse:
        reply = act(_situation(messages, info, streamed=False))
        if isinstance(reply, Fail):
            raise error_of(reply.code, name, retry_after_s=reply.retry_after_s, in_stream=False)
        if isinstance(reply, Say):
            return ModelResponse(parts=[TextPart(reply.text)])
        return ModelResponse(parts=[ToolCallPart(call.name, call.args, tool_call_id=_call_id()) for call in reply])

    async def stream(messages: History, info: AgentInfo) -> AsyncIterator[str | dict[int, DeltaToolCall]]:
        reply = act(_situation(messages, info, streamed=True))
        if isinstance(reply, tuple):
            for index, call in enumerate(reply):
                args = call.args if isinstance(call.args, str) else json.dumps(call.args)
                yield {index: DeltaToolCall(call.name, args, tool_call_id=_call_id())}
            return
        pieces = re.findall(r"\s*\S+", reply.text if isinstance(reply, Say) else reply.after)
        for piece in pieces:
            await asyncio.sleep(token_delay_s)
            yield piece
        if isinstance(reply, Fail):
            raise error_of(reply.code, name, retry_after_s=reply.retry_after_s, in_stream=bool(pieces))
        if not pieces:
            yield {}  # the library takes a stream without any item for a mistake of ours

    model = FunctionModel(respond, stream_function=stream, model_name=name)
    return ModelHandle(model, name, offline=True, close=_nothing)


def _call_id() -> str:
    return f"call_{uuid4().hex[:24]}"


async def _nothing() -> None:
    return


def _situation(messages: Sequence[ModelMessage], info: AgentInfo, *, streamed: bool) -> Situation:
    said: list[str] = []
    answers: list[str] = []
    corrections: list[str] = []
    replies: list[ToolReply] = []
    spoken = tuple(_spoken(messages))
    for piece in spoken:
        match piece:
            case Spoken("correction", text):
                corrections.append(text)
            case Spoken("customer", text):
                said.append(text)
                replies.clear()
                corrections.clear()
            case Spoken("model", text):
                answers.append(text)
            case Spoken("tool", outcome, tool, data) if tool not in (ASK, HAND_OVER):
                replies.append(ToolReply(tool, outcome, data))
            case _:
                pass
    tools = frozenset(tool.name for tool in info.function_tools)
    return Situation(
        tuple(said),
        tuple(replies),
        tools,
        frozenset(tool.name for tool in info.output_tools),
        instructions=info.instructions or "",
        corrections=tuple(corrections),
        answers=tuple(answers),
        messages=spoken,
        streamed=streamed,
    )


def _spoken(messages: Sequence[ModelMessage]) -> Iterator[Spoken]:
    for part in (part for message in messages for part in message.parts):
        match part:
            case UserPromptPart(content=str(text)):
                yield Spoken("correction" if FEEDBACK in text else "customer", text)
            case TextPart(content=text):
                yield Spoken("model", text)
            case ToolCallPart(tool_name=tool, args=args):
                yield Spoken("call", tool=tool, data=_arguments(args))
            case ToolReturnPart(tool_name=tool, outcome=outcome, content=content):
                yield Spoken("tool", outcome, tool, to_jsonable_python(content))
            case _:
                pass


def _arguments(args: Any) -> Any:
    """Return the arguments of a call as data; as text, when a model has sent what is no JSON."""
    try:
        return from_json(args) if isinstance(args, str) else args
    except ValueError:
        return args
