"""What goes out to models, as it goes out: looked at in the client that posts it, whosever client that is.

A model without such a client, or that does not post, is told of by what the SDK gives it, in the form of the Responses
API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from agents import FunctionTool, Handoff, Model
from pydantic_core import from_json

#: Keeps a request, given what makes its JSON.
Keep = Callable[[Callable[[], Mapping[str, Any]]], None]


class _Outlet:
    """Where one request is told, once: a client that tries again posts the same."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._told = False

    def tell(self, body: Callable[[], Mapping[str, Any]]) -> None:
        if not self._told:
            self._told = True
            self._keep(body)


_outlet: ContextVar[_Outlet | None] = ContextVar("outlet", default=None)


@contextmanager
def telling(keep: Keep, model: Model, name: str, request: Mapping[str, Any]) -> Iterator[None]:
    """Have kept what is sent within the block, in which a model makes one request."""
    outlet, given = _Outlet(keep), partial(_given, name, request)
    if not _listens(model):
        outlet.tell(given)
    token = _outlet.set(outlet)
    try:
        yield
    finally:
        _outlet.reset(token)
        outlet.tell(given)


def _listens(model: Model) -> bool:
    """Listen to the client of a model, if it has one; it may be that of many models and jobs."""
    hooks = getattr(getattr(getattr(model, "_client", None), "_client", None), "event_hooks", None)
    if not isinstance(hooks, dict):
        return False
    if _posted not in (known := hooks.setdefault("request", [])):
        known.append(_posted)
    return True


async def _posted(request: Any) -> None:
    if (outlet := _outlet.get()) is not None and request.method == "POST":
        outlet.tell(lambda: from_json(request.content))


def _given(name: str, request: Mapping[str, Any]) -> dict[str, Any]:
    said = request["input"]
    body: dict[str, Any] = {"model": name}
    if request["system_instructions"]:
        body["instructions"] = request["system_instructions"]
    body["input"] = [{"role": "user", "content": said}] if isinstance(said, str) else said
    if tools := [*map(_tool, request["tools"]), *map(_handoff, request["handoffs"])]:
        body["tools"] = tools
    settings = request["model_settings"]
    chosen = {each: getattr(settings, each) for each in ("temperature", "tool_choice")}
    chosen["max_output_tokens"] = settings.max_tokens
    return body | {each: value for each, value in chosen.items() if value is not None}


def _tool(tool: Any) -> dict[str, Any]:
    if not isinstance(tool, FunctionTool):
        return {"type": tool.name}
    return _function(tool.name, tool.description, tool.params_json_schema)


def _handoff(handoff: Handoff[Any, Any]) -> dict[str, Any]:
    return _function(handoff.tool_name, handoff.tool_description, handoff.input_json_schema)


def _function(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "function", "name": name, "description": description, "parameters": parameters}
