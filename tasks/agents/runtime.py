"""The seam to the agent library: the only module that imports `pydantic_ai` and `openai`.

It turns a card into an agent, drives one agent until it answers, asks or hands over, and translates models,
messages and errors into plain values, so that a new version of the library is this file's work alone. The
library adds kinds of parts, events and errors in minor versions: whatever is unknown here takes a default
branch.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol
from uuid import uuid4

import pydantic_ai
from openai import AsyncOpenAI
from pydantic_ai import (
    Agent,
    AgentRun,
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    ModelSettings,
    PartDeltaEvent,
    PartStartEvent,
    RunContext,
    RunUsage,
    TextPart,
    TextPartDelta,
    Tool,
    ToolCallPart,
    ToolFailed,
    ToolOutput,
    ToolReturnPart,
    UsageLimits,
    UserPromptPart,
    exceptions,
)
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_core import to_jsonable_python

from tasks.agents.card import ASK, HAND_OVER, AgentCard, DeskTool, HandOver, Question
from tasks.agents.failures import ModelFailure
from tasks.agents.situation import Decide, Say, Situation, ToolReply
from tasks.contracts import ModelUsage
from tasks.desk import Desk
from tasks.tools.outcome import ToolOutcome

#: How often a model may correct the arguments of one tool, or its final output.
RETRIES = 2
History = list[ModelMessage]
Output = str | HandOver | Question

_log = logging.getLogger(__name__)

# On a terminal the library greets at the first run; a worker's output is its log.
pydantic_ai.BANNER_ENABLED = False


class Watcher(Protocol):
    """Who is told what happens. A watcher returns at once and never raises: it is called inside the run."""

    @property
    def watched(self) -> bool:
        """Whether the next request to the model is worth streaming."""

    def text(self, piece: str, *, begins: bool) -> None: ...

    def tool_called(self, tool: str, call_id: str, args: Mapping[str, object]) -> None: ...

    def tool_returned(self, tool: str, call_id: str, outcome: str, content: object) -> None: ...

    def spent(self, usage: ModelUsage) -> None:
        """Take note of what the job's runs have used so far, in total."""


class Budget:
    """What one job may ask of the model, over all of its agents."""

    def __init__(self, *, requests: int, tool_calls: int, tool_timeout_s: float) -> None:
        self.limits = UsageLimits(request_limit=requests, tool_calls_limit=tool_calls)
        self.usage = RunUsage()
        self.tool_timeout_s = tool_timeout_s

    @property
    def spent(self) -> ModelUsage:
        """What was used so far."""
        used = self.usage
        return ModelUsage(
            requests=used.requests,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            tool_calls=used.tool_calls,
        )


# --- agents ---


async def run_agent(
    card: AgentCard,
    *,
    model: Model,
    desk: Desk,
    prompt: str | None,
    history: History,
    may_ask: bool,
    may_hand_over: bool,
    budget: Budget,
    watcher: Watcher,
) -> tuple[Output, History]:
    """Let one agent work until it answers (text), asks or hands over; return that and the whole conversation.

    Without a prompt it goes on where the history ends, as after a handoff. Raises ModelFailure.
    """
    agent = _agent(card, may_ask, may_hand_over, budget.tool_timeout_s)
    try:
        async with agent.iter(
            prompt,
            message_history=history,
            deps=desk,
            model=model,
            usage=budget.usage,
            usage_limits=budget.limits,
        ) as run:
            await _drive(run, watcher, budget)
            if run.result is None:
                raise exceptions.UnexpectedModelBehavior("the run ended without a result")
            return run.result.output, run.result.all_messages()
    except exceptions.AgentRunError as error:
        raise failure_of(error) from error
    finally:
        watcher.spent(budget.spent)


async def _drive(run: AgentRun[Desk, Output], watcher: Watcher, budget: Budget) -> None:
    node = run.next_node
    while not Agent.is_end_node(node):
        if Agent.is_model_request_node(node) and watcher.watched:
            async with node.stream(run.ctx) as stream:
                await _report(stream, watcher)
        elif Agent.is_call_tools_node(node):
            async with node.stream(run.ctx) as events:
                await _report(events, watcher)
        node = await run.next(node)
        watcher.spent(budget.spent)


async def _report(events: AsyncIterable[Any], watcher: Watcher) -> None:
    async for event in events:
        match event:
            case PartStartEvent(part=TextPart(content=piece)):
                watcher.text(piece, begins=True)
            case PartDeltaEvent(delta=TextPartDelta(content_delta=piece)):
                watcher.text(piece, begins=False)
            case FunctionToolCallEvent(part=call):
                watcher.tool_called(call.tool_name, call.tool_call_id, call.args_as_dict())
            case FunctionToolResultEvent(part=done):
                watcher.tool_returned(done.tool_name, done.tool_call_id, done.outcome, done.content)
            case _:
                pass


@functools.cache
def _agent(card: AgentCard, may_ask: bool, may_hand_over: bool, tool_timeout_s: float) -> Agent[Desk, Output]:
    prompt = card.prompt()
    outputs: list[Any] = [str] if card.answers else []
    if may_ask:
        outputs.append(ToolOutput(Question, name=ASK))
    if may_hand_over:
        outputs.append(ToolOutput(card.hand_over, name=HAND_OVER))
    return Agent(
        name=card.name,
        deps_type=Desk,
        output_type=outputs,
        tools=[_tool(function) for function in card.tools],
        instructions=lambda ctx: f"{prompt}\n\n{_briefing(ctx.deps)}",
        capabilities=[_Shield()],
        retries={"tools": RETRIES, "output": RETRIES},
        tool_timeout=tool_timeout_s,
    )


def _briefing(desk: Desk) -> str:
    whom = f"the customer {desk.customer_id}" if desk.customer_id else "a customer who is not identified"
    lines = [f"Today is {desk.database.today()}. You serve {whom}."]
    if desk.transfers and desk.transfers[-1].previous:
        last = desk.transfers[-1]
        lines.append(f"Your colleague {last.previous!r} handed the conversation over to you: {last.reason!r}")
    lines += [f"Already done for this message: {action.model_dump_json()}" for action in desk.actions]
    return "\n".join(lines)


def _tool(function: DeskTool) -> Tool[Desk]:
    @functools.wraps(function)
    async def on_desk(ctx: RunContext[Desk], *args: object, **kwargs: object) -> ToolOutcome:
        return await function(ctx.deps, *args, **kwargs)

    # The library reads the schema from the annotations: all stay, but the first argument is what it passes.
    first = next(iter(function.__annotations__))
    on_desk.__annotations__ = {**function.__annotations__, first: RunContext[Desk]}
    return Tool(on_desk, takes_ctx=True, name=function.__name__)


class _Shield(AbstractCapability[Desk]):
    """Turns an unexpected error of a tool into its failed result; it would cancel the tools beside it."""

    async def on_tool_execute_error(
        self, ctx: RunContext[Desk], *, call: ToolCallPart, tool_def: object, args: object, error: Exception
    ) -> NoReturn:
        _log.error("tool_failed", exc_info=error, extra={"tool": call.tool_name})
        raise ToolFailed(f"{call.tool_name} failed for a technical reason; do not call it again for this.") from error


# --- models ---


@dataclass(frozen=True, slots=True)
class ModelHandle:
    """A model, bound to the event loop that first uses it."""

    model: Model
    name: str
    offline: bool
    close: Callable[[], Awaitable[None]]


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
    replies: list[ToolReply] = []
    for part in (part for message in messages for part in message.parts):
        match part:
            case UserPromptPart(content=str(text)):
                said.append(text)
                replies.clear()
            case ToolReturnPart(tool_name=tool, outcome=outcome, content=content) if tool not in (
                ASK,
                HAND_OVER,
            ):
                replies.append(ToolReply(tool, outcome, to_jsonable_python(content)))
            case _:
                pass
    tools = frozenset(tool.name for tool in info.function_tools)
    return Situation(tuple(said), tuple(replies), tools, frozenset(tool.name for tool in info.output_tools))


# --- messages ---


def dump_history(messages: History) -> str:
    """Write messages as JSON, without the instructions: a later run gives its own."""
    bare = [replace(each, instructions=None) if isinstance(each, ModelRequest) else each for each in messages]
    return ModelMessagesTypeAdapter.dump_json(bare).decode()


def load_history(data: str) -> History:
    """Read what `dump_history` wrote, also with an older version of the library."""
    return ModelMessagesTypeAdapter.validate_json(data)


# --- errors ---

#: The first class that fits decides; a sentence says nothing that the provider or the customer wrote.
_FAILURES: tuple[tuple[type[exceptions.AgentRunError], str, str], ...] = (
    (exceptions.ModelQuotaExceededError, "model_quota", "The quota of the model account is used up"),
    (exceptions.ModelRateLimitError, "model_rate_limit", "The model provider limits the rate of requests"),
    (
        exceptions.ModelAuthenticationError,
        "model_auth",
        "The model provider refused the credentials: check OPENAI_API_KEY",
    ),
    (
        exceptions.ModelNotFoundError,
        "model_not_found",
        "The model provider does not know the model: check BACKDESK_MODEL",
    ),
    (
        exceptions.ModelContextWindowExceededError,
        "model_rejected",
        "The conversation is too long for the model",
    ),
    (exceptions.ModelRequestRejectedError, "model_rejected", "The model provider rejected the request"),
    (exceptions.ModelTimeoutError, "model_timeout", "The model did not answer in time"),
    (exceptions.ModelRequestTimeout, "model_timeout", "The model did not answer in time"),
    (exceptions.ModelAPIError, "model_unavailable", "The model provider could not be reached or failed"),
    (exceptions.UsageLimitExceeded, "usage_limit", "The job asked more of the model than one job may"),
)


def failure_of(error: exceptions.AgentRunError) -> ModelFailure:
    """Translate an error of a run into a failure of the job."""
    status = f" (HTTP {error.status_code})" if isinstance(error, exceptions.ModelHTTPError) else ""
    retry_after = getattr(error, "retry_after", None)
    for kind, code, sentence in _FAILURES:
        if isinstance(error, kind):
            return ModelFailure(code, f"{sentence}{status}.", retry_after)
    return ModelFailure("model_misbehaved", "The model did not produce a usable answer.", retry_after)
