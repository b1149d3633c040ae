"""The models behind the agents: a server that speaks the OpenAI API, or rules that stand in for one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
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
from pydantic_core import to_jsonable_python

from tasks.agents.card import ASK, HAND_OVER
from tasks.agents.metering import Estimates, RequestUsage
from tasks.agents.runtime.messages import History
from tasks.agents.situation import Decide, Say, Situation, ToolReply

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


def scripted_model(name: str, decide: Decide, token_delay_s: float) -> ModelHandle:
    """Make a model out of rules; it drives the same agents, tools and streams as a real one."""

    async def respond(messages: History, info: AgentInfo) -> ModelResponse:
        reply = decide(_situation(messages, info))
        if isinstance(reply, Say):
            return ModelResponse(parts=[TextPart(reply.text)])
        return ModelResponse(parts=[ToolCallPart(call.name, call.args, tool_call_id=_call_id()) for call in reply])

    async def stream(messages: History, info: AgentInfo) -> AsyncIterator[str | dict[int, DeltaToolCall]]:
        reply = decide(_situation(messages, info))
        if isinstance(reply, Say):
            for piece in re.findall(r"\s*\S+", reply.text):
                await asyncio.sleep(token_delay_s)
                yield piece
            return
        for index, call in enumerate(reply):
            yield {index: DeltaToolCall(call.name, json.dumps(call.args), tool_call_id=_call_id())}

    model = FunctionModel(respond, stream_function=stream, model_name=name)
    return ModelHandle(model, name, offline=True, close=_nothing)


def _call_id() -> str:
    return f"call_{uuid4().hex[:24]}"


async def _nothing() -> None:
    return


def _situation(messages: Sequence[ModelMessage], info: AgentInfo) -> Situation:
    said: list[str] = []
    answers: list[str] = []
    corrections: list[str] = []
    replies: list[ToolReply] = []
    for part in (part for message in messages for part in message.parts):
        match part:
            case UserPromptPart(content=str(text)) if FEEDBACK in text:
                corrections.append(text)
            case UserPromptPart(content=str(text)):
                said.append(text)
                replies.clear()
                corrections.clear()
            case TextPart(content=text):
                answers.append(text)
            case ToolReturnPart(tool_name=tool, outcome=outcome, content=content) if tool not in (
                ASK,
                HAND_OVER,
            ):
                replies.append(ToolReply(tool, outcome, to_jsonable_python(content)))
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
    )
