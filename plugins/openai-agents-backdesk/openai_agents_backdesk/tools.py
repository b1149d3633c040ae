"""Function tools whose calls are steps of a job, each under the id of its call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from agents import FunctionTool
from agents.tool_context import ToolContext
from pydantic import BaseModel
from pydantic_core import from_json

from backdesk.agents import GuestJob
from backdesk.worker import Effect, TaskError

#: What the model is told of a call that a person has settled without saying what it returned.
DONE = "Done: a person has confirmed that this took effect."
Invoke = Callable[[ToolContext[Any], str], Awaitable[Any]]


class StepUnreadable(TaskError):
    """What a step has kept cannot be read as what it returns now: the code was changed while the job was on its way."""

    def __init__(self, message: str) -> None:
        super().__init__("step_unreadable", message)


def ledger_tool(job: GuestJob, agent: str, tool: FunctionTool, effects: Mapping[str, str]) -> FunctionTool:
    """Return a tool that is called once in the life of the job for each call that a model makes."""
    effect = effects.get(tool.name, Effect.UNSAFE)

    async def invoke(context: ToolContext[Any], arguments: str) -> Any:
        call_id = context.tool_call_id

        async def told() -> Any:
            job.reporter.tool_called(tool.name, call_id, _arguments(arguments))
            output = _plain(await tool.on_invoke_tool(context, arguments))
            job.reporter.tool_returned(tool.name, call_id, "success", output)
            return output

        output = await job.tool(job.names.next(f"{agent}__tool:{tool.name}", call_id), tool.name, told, effect)
        return DONE if output is None else output

    return replace(tool, on_invoke_tool=invoke)


def check_effects(effects: Mapping[str, str]) -> None:
    """Raise ValueError for an effect that is none."""
    for tool, effect in effects.items():
        if effect not in [*Effect]:
            raise ValueError(f"the effect of tool {tool!r} must be one of {', '.join(Effect)}, not {effect!r}")


def _arguments(arguments: str) -> dict[str, Any]:
    try:
        known = from_json(arguments or "{}")
    except ValueError:
        known = arguments
    return known if isinstance(known, dict) else {"arguments": known}


def _plain(output: Any) -> Any:
    """Return what a tool has returned as JSON: structured outputs as the SDK takes them, all else as models see it."""
    if isinstance(output, list | tuple):
        return [_plain(each) for each in output]
    if isinstance(output, BaseModel) and hasattr(output, "type"):
        return output.model_dump(mode="json", exclude_none=True)
    if isinstance(output, dict) and isinstance(output.get("type"), str):
        return output
    return str(output)
