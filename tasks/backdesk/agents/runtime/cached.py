"""Answers a request to a model from the cache of the tenant, when the very same was asked before.

What makes two requests the same is all that the model gets: its name, the instructions, what was said, the tools and
the settings. Not times, ids of runs, or what it has cost. The ids of tool calls are a server's own and count as first,
second and so on. Since the instructions name the customer and the day, one customer does not get another's answer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import ValidationError
from pydantic_ai import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelRequestContext,
    ModelResponse,
    RequestUsage,
    RunContext,
    ToolDefinition,
)
from pydantic_ai.capabilities import AbstractCapability, WrapModelRequestHandler
from pydantic_core import from_json, to_json

from backdesk.agents.card import Agent
from backdesk.agents.desk import Desk, Shelf
from backdesk.agents.prompts import Prompt
from backdesk.agents.runtime.models import ModelHandle

_log = logging.getLogger(__name__)

#: Answers that ended as the model meant them to.
_FINISHED = frozenset({"stop", "tool_call", None})
#: What a part has besides its meaning.
_INCIDENTAL = frozenset({"timestamp", "id", "provider_name", "provider_details", "signature", "metadata"})


class Told(Protocol):
    """Who is told that an answer was there already."""

    def answered_from_cache(self, agent: str, model: str, prompt: Prompt | None = None) -> None: ...


class Cached(AbstractCapability[Desk]):
    """The cache of one run. An answer is kept once it has proved to be of use, never when it was refused."""

    def __init__(self, card: Agent, model: ModelHandle, shelf: Shelf, watcher: Told) -> None:
        self._card = card
        self._model = model
        self._shelf = shelf
        self._watcher = watcher
        #: The newest answer of the model, and what it was asked: not known yet to be of use.
        self._fresh: tuple[str, ModelResponse] | None = None

    async def wrap_model_request(
        self, ctx: RunContext[Desk], *, request_context: ModelRequestContext, handler: WrapModelRequestHandler
    ) -> ModelResponse:
        """Make a request, unless its answer is known."""
        if self._card.cache is None:
            return await handler(request_context)
        if not _refused(request_context.messages):
            await self.accept()
        self._fresh = None
        key = request_key(self._model, request_context)
        if (known := self._read(await self._shelf.cached(key))) is not None:
            self._watcher.answered_from_cache(self._card.name, self._model.name, ctx.deps.prompt)
            return known
        response = await handler(request_context)
        if self._worth_keeping(response):
            self._fresh = key, response
        return response

    async def accept(self) -> None:
        """Keep the newest answer, now that it is known to be of use."""
        if self._fresh is None or self._card.cache is None:
            return
        (key, response), self._fresh = self._fresh, None
        try:
            bare = replace(response, run_id=None, conversation_id=None, metadata=None)
            await self._shelf.cache(key, ModelMessagesTypeAdapter.dump_json([bare]), self._card.cache.ttl_s)
        except ValueError as error:  # too large: it is asked for again the next time
            _log.warning("answer_not_cached", extra={"agent": self._card.name, "reason": str(error)})

    def _read(self, kept: bytes | None) -> ModelResponse | None:
        if kept is None:
            return None
        try:
            (response,) = ModelMessagesTypeAdapter.validate_json(kept)
        except (ValidationError, ValueError):  # another version of the library has written it
            return None
        if not isinstance(response, ModelResponse):
            return None
        noted = {"model": self._model.name, "cost_usd": 0.0, "cached": True}
        return replace(response, usage=RequestUsage(), timestamp=datetime.now(UTC), metadata=noted)

    def _worth_keeping(self, response: ModelResponse) -> bool:
        # Another model may have stood in, because this one failed or a budget was spent.
        by = (response.metadata or {}).get("model", self._model.name)
        return response.finish_reason in _FINISHED and response.state == "complete" and by == self._model.name


def request_key(model: ModelHandle, context: ModelRequestContext) -> str:
    """Return what makes a request what it is, as text: the same for two requests that a model cannot tell apart."""
    parameters = context.model_request_parameters
    asked = {
        "version": 1,
        "model": [model.resource, model.name],
        "instructions": [part.content for part in parameters.instruction_parts or ()],
        "messages": _normalised(context.messages),
        "tools": [_tool(tool) for tool in parameters.function_tools],
        "outputs": [_tool(tool) for tool in parameters.output_tools],
        "text": parameters.allow_text_output,
        "settings": dict(context.model_settings or {}),
    }
    return to_json(asked, fallback=repr).decode()


def _refused(messages: list[ModelMessage]) -> bool:
    """Whether the last answer was of no use, so that the model is asked for a better one."""
    return any(
        part.part_kind in {"retry-prompt", "retry-feedback"} or getattr(part, "outcome", "") == "retried"
        for part in (messages[-1].parts if messages else ())
    )


def _normalised(messages: list[ModelMessage]) -> list[Any]:
    bare = [replace(each, instructions=None) if isinstance(each, ModelRequest) else each for each in messages]
    dumped: list[dict[str, Any]] = ModelMessagesTypeAdapter.dump_python(bare, mode="json")
    numbers: dict[str, int] = {}
    return [[each["kind"], [_part(part, numbers) for part in each["parts"]]] for each in dumped]


def _part(part: Mapping[str, Any], numbers: dict[str, int]) -> dict[str, Any]:
    kept = {name: value for name, value in part.items() if name not in _INCIDENTAL and value is not None}
    if call_id := kept.get("tool_call_id"):
        kept["tool_call_id"] = numbers.setdefault(call_id, len(numbers))
    if isinstance(args := kept.get("args"), str):
        kept["args"] = _parsed(args)
    return kept


def _parsed(args: str) -> Any:
    try:
        return from_json(args)
    except ValueError:
        return args


def _tool(tool: ToolDefinition) -> list[Any]:
    return [tool.name, tool.description, tool.parameters_json_schema]
