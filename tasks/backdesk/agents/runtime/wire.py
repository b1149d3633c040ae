"""What goes out to models, as it goes out: told by the client that sends it, or as the library gives it to others.

What a client posts is looked at in the client, so that nothing need be known here of how the library makes it out of
messages. Clients that do not tell, and models without a server, are told of in the form of chat completions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from pydantic_ai import (
    ModelMessage,
    ModelRequestContext,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolReturnPart,
    UserPromptPart,
)

from backdesk.agents.model_call import Body
from backdesk.agents.runtime.models import ModelHandle

Tell = Callable[[Body], None]


class Outlet:
    """Where the requests of one run go out. The library makes them in tasks that it has begun before."""

    def __init__(self) -> None:
        self.tell: Tell | None = None

    @contextmanager
    def of(self) -> Iterator[None]:
        """Have clients tell this outlet what is posted by tasks that begin within the block."""
        token = _outlet.set(self)
        try:
            yield
        finally:
            _outlet.reset(token)

    @contextmanager
    def sending(self, tell: Tell, model: ModelHandle, context: ModelRequestContext) -> Iterator[None]:
        """Have told what is sent within the block, which makes one request."""
        if not model.tells:
            tell(partial(_as_chat, model.name, context))
            yield
            return
        self.tell = tell
        try:
            yield
        finally:
            self.tell = None


_outlet: ContextVar[Outlet | None] = ContextVar("outlet", default=None)


def tell_sent(body: object, more: Mapping[str, Any] | None = None) -> None:
    """Tell whoever listens what a client posts: its JSON, and what is merged into that."""
    outlet = _outlet.get()
    if outlet is not None and outlet.tell is not None and isinstance(body, Mapping):
        outlet.tell(lambda: {**body, **(more or {})})


def _as_chat(model: str, context: ModelRequestContext) -> dict[str, Any]:
    parameters = context.model_request_parameters
    instructions = "\n\n".join(part.content for part in parameters.instruction_parts or ())
    messages = [{"role": "system", "content": instructions}] if instructions else []
    messages += [said for message in context.messages for said in _said(message)]
    body: dict[str, Any] = {"model": model, "messages": messages}
    if tools := [_tool(tool) for tool in (*parameters.function_tools, *parameters.output_tools)]:
        body["tools"] = tools
    settings = context.model_settings or {}
    return body | {name: settings[name] for name in ("temperature", "max_tokens") if name in settings}


def _said(message: ModelMessage) -> Iterator[dict[str, Any]]:
    if isinstance(message, ModelResponse):
        yield _answered(message)
        return
    for part in message.parts:
        match part:
            case SystemPromptPart():
                yield {"role": "system", "content": part.content}
            case UserPromptPart():
                yield {"role": "user", "content": part.content}
            case ToolReturnPart():
                yield {"role": "tool", "tool_call_id": part.tool_call_id, "content": part.model_response_str()}
            case _:  # what the library tells of an answer that was of no use
                yield {"role": "user", "content": getattr(part, "content", "")}


def _answered(response: ModelResponse) -> dict[str, Any]:
    said = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    calls = [_call(part) for part in response.parts if isinstance(part, ToolCallPart)]
    return {"role": "assistant", "content": said or None} | ({"tool_calls": calls} if calls else {})


def _call(part: ToolCallPart) -> dict[str, Any]:
    function = {"name": part.tool_name, "arguments": part.args_as_json_str()}
    return {"id": part.tool_call_id, "type": "function", "function": function}


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters_json_schema}
    return {"type": "function", "function": function}
