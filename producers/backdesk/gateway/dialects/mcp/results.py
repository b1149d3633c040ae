"""Jobs as the results of calls. Pure."""

from __future__ import annotations

from typing import Any

from mcp_types import CallToolResult, TextContent

from backdesk.gateway.dialects.asks import choices_of, needs_person, open_asks
from backdesk.worker.model.asks import Ask
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.text.json import encode


def told(value: Any, *, is_error: bool = False) -> CallToolResult:
    """Return a value as the result of a call: as JSON in words, and as it is if it is an object."""
    text = value if isinstance(value, str) else encode(value).decode()
    structured = value if isinstance(value, dict) else None
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=structured, is_error=is_error
    )


def ended(record: JobRecord, result: Any) -> CallToolResult:
    """Return what a job that has ended gave: its result, or why there is none."""
    if record.state is JobState.SUCCEEDED:
        return told(result)
    if record.state is JobState.STEERED:
        return told(f"The job {record.steered_into} has taken this message, and answers it.", is_error=True)
    reason = f"{record.error.code}: {record.error.message}" if record.error else str(record.state)
    return told(f"The job {record.id} is {record.state}. {reason}", is_error=True)


def pending(record: JobRecord, *, may_answer: bool) -> CallToolResult:
    """Return what is known of a job that goes on, and what its caller is to do next."""
    asks = open_asks(record)
    value: dict[str, Any] = {"job_id": record.id, "state": record.state.value, "next": _next(asks, may_answer)}
    if asks:
        value["asks"] = [shown(each) for each in asks]
    return told(value)


def shown(ask: Ask) -> dict[str, Any]:
    """Return what a job asks, as a model reads it."""
    who = {"answered_by": "a person, elsewhere"} if needs_person(ask) else {}
    return {"ask": ask.name, "prompt": ask.prompt, "facts": ask.facts, "choices": choices_of(ask), **who}


def _next(asks: list[Ask], may_answer: bool) -> str:
    if not asks:
        return "The job goes on. Call job_wait with this job_id."
    if may_answer and any(not needs_person(each) for each in asks):
        return "The job asks something. Have the user decide, call job_answer, and then job_wait."
    return "A person must answer what the job asks, elsewhere. Tell the user, and call job_wait once that is done."
