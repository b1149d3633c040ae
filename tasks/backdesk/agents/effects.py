"""What former attempts of a job have really done: by its ledger, never by what a model has said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from backdesk.agents.contract import Action
from backdesk.agents.outcome import ToolOutcome
from backdesk.agents.tools import Tool
from backdesk.worker.attempt.context import TaskContext

#: The key of a call, as `Durable` names it; other steps begin with a name, too: `propose:…`, `mcp:…`.
_CALL = re.compile(r"(?P<tool>[A-Za-z0-9_-]+):\d+:")


def effects_of(ctx: TaskContext, tools: Iterable[Tool[..., Any]]) -> Iterator[Action]:
    """Yield what these tools have done for the customer in attempts before this one, in the order of the ledger."""
    by_name = {tool.name: tool for tool in tools}
    for key, value in ctx.finished_steps().items() if by_name else ():
        call = _CALL.match(key)
        tool = by_name.get(call["tool"]) if call else None
        if tool and (action := action_of(tool, value)) is not None:
            yield action


def action_of(tool: Tool[..., Any], value: Any) -> Action | None:
    """Return what a tool has done that returned a value, as kept or told to a model; None if nothing."""
    try:
        outcome = TypeAdapter(tool.returns).validate_python(value)
    except ValidationError:  # a proposal, or of another version of the tool
        return None
    return outcome.action() if isinstance(outcome, ToolOutcome) else None
