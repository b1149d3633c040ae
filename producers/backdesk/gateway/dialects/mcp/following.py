"""Tools that follow jobs, for clients that know no tasks."""

from __future__ import annotations

from typing import Any, Final

from mcp_types import CallToolResult, Tool, ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.dialects.asks import answer, meant, open_asks
from backdesk.gateway.dialects.mcp import results
from backdesk.gateway.dialects.mcp.request import Call
from backdesk.gateway.dialects.waiting import wait
from backdesk.gateway.exchange import Exchange
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.job import JobRecord, JobState


class JobGet(BaseModel):
    """Tells how a job stands: its state, what it asks, its result or why there is none."""

    model_config = ConfigDict(extra="forbid")

    job_id: str = Field(description="As the call that began it has told.")


class JobWait(JobGet):
    """Waits until a job has ended or asks something, and gives its result. Call it again while the job goes on."""

    up_to_s: float | None = Field(None, ge=0, description="Seconds to wait at most.")


class JobAnswer(JobGet):
    """Gives a job the user's answer to what it asks. Only with what the user has decided, never by yourself."""

    answer: str = Field(description="One of the choices, where there are any; else any text.")
    ask: str | None = Field(None, description="Which ask is meant, if there are several.")
    note: str = Field("", description="A remark that is kept with the answer.")


class JobCancel(JobGet):
    """Ends a job that has not ended, and what it has begun."""

    reason: str = ""


_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)
_TOOLS: Final[dict[str, tuple[type[JobGet], Scope, ToolAnnotations]]] = {
    "job_wait": (JobWait, Scope.READ, _READS),
    "job_get": (JobGet, Scope.READ, _READS),
    "job_answer": (JobAnswer, Scope.OPERATE, _WRITES.model_copy(update={"idempotent_hint": False})),
    "job_cancel": (JobCancel, Scope.SUBMIT, _WRITES),
}
NAMES = frozenset(_TOOLS)


def tools(caller: Caller) -> list[Tool]:
    """Return those of them that a caller may call."""
    return [
        Tool(name=name, description=model.__doc__, input_schema=model.model_json_schema(), annotations=annotations)
        for name, (model, scope, annotations) in _TOOLS.items()
        if caller.may(scope)
    ]


async def call(
    exchange: Exchange, call: Call, name: str, arguments: dict[str, Any], longest_wait_s: float
) -> CallToolResult:
    """Call one of them. Raises what the exchange raises, and InvalidRequest."""
    model = _TOOLS[name][0]
    try:
        given = model.model_validate(arguments)
    except ValidationError as error:
        raise InvalidRequest.of({".".join(map(str, e["loc"])) or name: e["msg"] for e in error.errors()}) from None
    match given:
        case JobWait():
            up_to_s = longest_wait_s if given.up_to_s is None else min(given.up_to_s, longest_wait_s)
            hear = call.progress().hear
            return await outcome(exchange, call, await wait(exchange, call.caller, given.job_id, up_to_s, hear))
        case JobAnswer():
            return await _answer(exchange, call, given)
        case JobCancel():
            state = await exchange.cancel(call.caller, given.job_id, given.reason)
            call.note(Scope.SUBMIT, job_id=given.job_id, cancel="yes")
            return results.told({"job_id": given.job_id, "state": state.value})
        case _:
            return await _get(exchange, call.caller, given)


async def outcome(exchange: Exchange, call: Call, record: JobRecord) -> CallToolResult:
    """Return what a job gave, or what is to be done about one that goes on."""
    if not record.done:
        return results.pending(record, may_answer=call.caller.may(Scope.OPERATE))
    return results.ended(record, await result_of(exchange, record))


async def result_of(exchange: Exchange, record: JobRecord) -> Any:
    """Return the result of a job that succeeded, also one that is too large for its record."""
    if record.state is not JobState.SUCCEEDED or record.result_blob is None:
        return record.result
    return await exchange.client.result(record.id, 0)


async def _get(exchange: Exchange, caller: Caller, given: JobGet) -> CallToolResult:
    record = await exchange.record(caller, given.job_id)
    value: dict[str, Any] = {"job_id": record.id, "kind": record.kind, "state": record.state.value}
    if record.state is JobState.SUCCEEDED:
        value["result"] = await result_of(exchange, record)
    elif record.error is not None:
        value["error"] = {"code": record.error.code, "message": record.error.message}
    if asks := open_asks(record):
        value["asks"] = [results.shown(each) for each in asks]
    return results.told(value)


async def _answer(exchange: Exchange, call: Call, given: JobAnswer) -> CallToolResult:
    caller = call.caller
    caller.demand(Scope.OPERATE)
    ask = meant(await exchange.record(caller, given.job_id), given.ask)
    await answer(exchange, caller, given.job_id, ask, given.answer, note=given.note)
    call.note(Scope.OPERATE, job_id=given.job_id, ask=ask.name)
    return results.told(f"The job {given.job_id} has its answer. Call job_wait.")
