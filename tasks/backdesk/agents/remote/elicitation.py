"""What a server asks in the midst of a call, put before people as an ask of the job."""

from __future__ import annotations

from typing import Any

from mcp.types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult
from pydantic_core import from_json

from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.asks import Answer

_PARSED = {"integer", "number", "array"}


async def ask_people(
    ctx: TaskContext, key: str, server: str, params: ElicitRequestParams, within_s: float
) -> ElicitResult:
    """Return the answer of a person, declined where there can be none; the attempt ends while there is none yet.

    What needs no value, or a yes or a no, is an approval; one field is asked for as it is, several as JSON. A page that
    a person would have to visit is declined.
    """
    if not isinstance(params, ElicitRequestFormParams):
        return ElicitResult(action="decline")
    fields: dict[str, Any] = params.requested_schema.get("properties", {})
    names = list(fields)
    if not fields or [fields[name].get("type") for name in names] == ["boolean"]:
        answer = await ctx.approval(key, params.message, within=within_s, server=server, fields=fields)
        return _decided(answer, names)
    choices = fields[names[0]].get("enum", []) if len(names) == 1 else []
    answer = await ctx.ask(key, params.message, choices=choices, within=within_s, server=server, fields=fields)
    if answer.timed_out:
        return ElicitResult(action="cancel")
    return _filled(str(answer.value or answer.decision), fields)


def _decided(answer: Answer, names: list[str]) -> ElicitResult:
    if answer.timed_out:
        return ElicitResult(action="cancel")
    if not answer.approved:
        return ElicitResult(action="decline")
    return ElicitResult(action="accept", content=dict.fromkeys(names, True))


def _filled(text: str, fields: dict[str, Any]) -> ElicitResult:
    names = list(fields)
    if len(names) == 1 and fields[names[0]].get("type") not in _PARSED:
        return ElicitResult(action="accept", content={names[0]: text})
    try:
        value = from_json(text)
    except ValueError:
        return ElicitResult(action="decline")
    content = {names[0]: value} if len(names) == 1 else value
    return (
        ElicitResult(action="accept", content=content) if isinstance(content, dict) else ElicitResult(action="decline")
    )
