"""Agents as others write them, a model that says a script, and bodies that run one agent."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from pydantic import BaseModel
from pydantic_ai import Agent, ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel

from backdesk.testing import BenchJob
from backdesk.worker import Category, TaskContext, TaskError, task
from pydantic_ai_backdesk import BackdeskDurability, durable

KIND = "plugin.run"
IDEMPOTENT = {"backdesk": {"effect": "idempotent"}}
PURE = {"backdesk": {"effect": "pure"}}
Line = str | ToolCallPart | tuple[ToolCallPart, ...]


class Script:
    """What a model says: the line that comes after the answers that the conversation has already."""

    def __init__(self, *lines: Line) -> None:
        self._lines = lines
        self.requests = 0

    @property
    def model(self) -> FunctionModel:
        return FunctionModel(self._say, model_name="script")

    @property
    def streaming(self) -> FunctionModel:
        return FunctionModel(self._say, stream_function=self._stream, model_name="script")

    def _next(self, messages: list[ModelMessage]) -> Line:
        self.requests += 1
        return self._lines[sum(isinstance(message, ModelResponse) for message in messages)]

    def _say(self, messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        line = self._next(messages)
        if isinstance(line, str):
            return ModelResponse(parts=[TextPart(line)])
        return ModelResponse(parts=[line] if isinstance(line, ToolCallPart) else [*line])

    async def _stream(self, messages: list[ModelMessage], _info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
        line = self._next(messages)
        if isinstance(line, str):
            for word in line.split(" "):
                yield word + " "
            return
        calls = [line] if isinstance(line, ToolCallPart) else [*line]
        yield {
            n: DeltaToolCall(name=each.tool_name, json_args=each.args_as_json_str(), tool_call_id=each.tool_call_id)
            for n, each in enumerate(calls)
        }


def call(tool: str, call_id: str = "c1", **args: object) -> ToolCallPart:
    return ToolCallPart(tool, args, call_id)


class Nothing(BaseModel):
    """A request that says nothing."""


class Said(BaseModel):
    """What an agent has said."""

    output: Any


def durable_agent(script: Script, name: str = "clerk", **options: Any) -> Agent[Any, Any]:
    return Agent(script.model, name=name, capabilities=[BackdeskDurability(**options)])


def give(agent: Agent[Any, Any], name: str, tool: Callable[[], Any], **options: Any) -> None:
    """Give an agent a tool without arguments."""
    agent.tool_plain(name=name, **options)(tool)


def as_kind(run: Callable[[], Awaitable[Any]], kind: str = KIND, *, ends: int = 2) -> None:
    """Register a body that runs agents and returns the last output; so often it comes to its end, from the top."""
    ended = itertools.count(1)

    @task(kind)
    async def body(ctx: TaskContext, request: Nothing) -> Said:
        with durable(ctx):
            output = (await run()).output
        if next(ended) < ends:
            raise TaskError("again", "once more from the top", category=Category.NETWORK, transient=True)
        return Said(output=output)


def steps(job: BenchJob) -> list[str]:
    return [step["key"] for step in job.of("step")]
