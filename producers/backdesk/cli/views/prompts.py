"""Prompts, and requests to models, as people read them: all that is in them, in the order of a conversation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from backdesk.cli.output import Output
from backdesk.worker.model.prompt import PromptFacts
from backdesk.worker.model.sent import SentRequest

#: What of a request has a place of its own; all else are settings.
_PLACED = ("messages", "input", "instructions", "tools")


def prompt_title(prompt: PromptFacts) -> str:
    """Return a line that says which prompt it is."""
    which = f", variant {prompt.variant}, {prompt.share or 0:.0%} of conversations" if prompt.variant else ""
    return f"{prompt.agent}: {prompt.name}@{prompt.hash}{which}"


def request_title(request: SentRequest) -> str:
    """Return a line that says whose request it is, and when in the job."""
    prompt = f", prompt {request.prompt}" if request.prompt else ""
    return f"request {request.call_id} of {request.agent} to {request.model}{prompt}"


def shown_request(request: SentRequest, before: SentRequest | None, out: Output) -> None:
    """Print what was sent; tools that are those of the request before are not printed again."""
    if request.missing:
        out.line(f"not whole: {request.missing}", "yellow")
    body = request.body or {}
    settings = {name: value for name, value in body.items() if name not in _PLACED}
    if settings:
        out.line(", ".join(f"{name}={_json(value)}" for name, value in settings.items()), "dim")
    if instructions := body.get("instructions"):
        _said("instructions", str(instructions), out)
    for message in body.get("messages") or body.get("input") or ():
        _show_message(message, out)
    _show_tools(body.get("tools"), (before.body or {}).get("tools") if before else None, out)


def _show_message(message: Any, out: Output) -> None:
    if not isinstance(message, Mapping):
        _said("?", _json(message), out)
        return
    who = str(message.get("role") or message.get("type") or "?")
    rest = {name: value for name, value in message.items() if name not in {"role", "content", "tool_calls"} and value}
    if (content := message.get("content")) is not None or not (message.get("tool_calls") or rest):
        title = f"{who} {rest.pop('tool_call_id')}" if "tool_call_id" in rest else who
        _said(title, _text_of(content), out)
    for call in message.get("tool_calls") or ():
        function = call.get("function", {})
        _said(f"{who} calls {function.get('name')} ({call.get('id')})", str(function.get("arguments")), out)
    if rest:
        _said(who, _json(rest), out)


def _text_of(content: Any) -> str:
    """Return what a message says: the texts among its parts as they are, the others as JSON."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "\n".join(each["text"] if _is_text(each) else _json(each) for each in parts)


def _is_text(part: Any) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get("text"), str) and part.keys() <= {"type", "text"}


def _show_tools(tools: Any, before: Any, out: Output) -> None:
    if not tools:
        return
    if tools == before:
        out.line("tools: as in the request before", "dim")
        return
    out.line("tools:", "dim")
    for tool in tools:
        out.block(f"  {_json(tool)}")


def _said(who: str, text: str, out: Output) -> None:
    out.line(f"{who}:", "cyan")
    out.block("\n".join(f"  {line}" for line in text.splitlines()))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
