"""The tools that are there for a caller, and their calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Mapping
from contextlib import suppress
from typing import Any

import anyio
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolRequestParams, CallToolResult, InputRequiredResult, Tool

from backdesk.client import AsyncJob
from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.dialects.mcp import following, results
from backdesk.gateway.dialects.mcp.answers import requests_of, take_answers
from backdesk.gateway.dialects.mcp.names import tool_names
from backdesk.gateway.dialects.mcp.request import Call
from backdesk.gateway.dialects.mcp.tools import KEY, takes_key, tool_of
from backdesk.gateway.dialects.waiting import wait
from backdesk.gateway.exchange import Exchange
from backdesk.worker.errors import BackdeskError, InvalidRequest
from backdesk.worker.model.contract import KindContract

#: The result of a call, what its client is asked before there is one, or a task.
Answer = CallToolResult | InputRequiredResult | dict[str, Any]
_Start = Callable[[AsyncJob[Any]], Awaitable[dict[str, Any]]]


class Toolbox:
    """The tools of one deployment; what is in it is looked up for each request, by who makes it.

    `start_task` makes the answer of a call by a client that knows tasks; others wait `wait_s` seconds for the result.
    """

    def __init__(self, exchange: Exchange, wait_s: float, start_task: _Start) -> None:
        self._exchange = exchange
        self._wait_s = wait_s
        self._start_task = start_task

    async def tools(self, call: Call) -> list[Tool]:
        """Return what a caller may call, by name."""
        kinds = await self._kinds(call.caller)
        made = (tool_of(name, contract, tasks=call.knows_tasks) for name, contract in sorted(kinds.items()))
        follow_up = () if call.knows_tasks else following.tools(call.caller)
        return [*(tool for tool in made if tool is not None), *follow_up]

    async def call(self, call: Call, params: CallToolRequestParams) -> Answer:
        """Make a call. What is wrong with it is its result, so that a model can do better; raises for unknown tools."""
        arguments = params.arguments or {}
        try:
            if params.name in following.NAMES:
                return await following.call(self._exchange, call, params.name, arguments, self._wait_s)
            contract = (await self._kinds(call.caller)).get(params.name)
            if contract is None:
                raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name[:200]}")
            return await self._have_done(call, contract, params)
        except BackdeskError as error:
            return results.told(str(error), is_error=True)

    async def _kinds(self, caller: Caller) -> dict[str, KindContract]:
        if not caller.may(Scope.SUBMIT):
            return {}
        kinds = {each.kind: each for each in await self._exchange.kinds(caller)}
        return {name: kinds[kind] for name, kind in tool_names(kinds, following.NAMES).items()}

    async def _have_done(self, call: Call, contract: KindContract, params: CallToolRequestParams) -> Answer:
        """Have a job done, or go on with one whose client comes back with what was asked of it (`requestState`)."""
        if params.request_state is not None:
            return await self._go_on(call, contract, params.request_state, params.input_responses or {})
        # A client that goes away just now is noticed below, where it is known which job ends with its call.
        with anyio.CancelScope(shield=True):
            job = await self._submit(call, contract, dict(params.arguments or {}))
        if call.knows_tasks:
            return await self._start_task(job)
        return await self._wait(call, job.id, (), ours=job.created)

    async def _go_on(self, call: Call, contract: KindContract, job_id: str, responses: Mapping[str, Any]) -> Answer:
        record = await self._exchange.record(call.caller, job_id)
        if record.kind != contract.kind:
            raise InvalidRequest("requestState", "is of another tool")
        await take_answers(self._exchange, call, record, responses)
        return await self._wait(call, job_id, responses, ours=False)

    async def _wait(self, call: Call, job_id: str, answered: Container[str], *, ours: bool) -> Answer:
        """Wait for a job, and ask the client what that asks. A job that this call has made ends with it."""
        try:
            record = await wait(self._exchange, call.caller, job_id, self._wait_s, call.progress().hear)
        except asyncio.CancelledError:
            if call.was_closed and ours:
                with anyio.CancelScope(shield=True), suppress(BackdeskError):
                    await self._exchange.cancel(call.caller, job_id, "the client closed the call")
            raise
        if requests := requests_of(call, record, answered):
            return InputRequiredResult.model_validate({"inputRequests": requests, "requestState": record.id})
        return await following.outcome(self._exchange, call, record)

    async def _submit(self, call: Call, contract: KindContract, arguments: dict[str, Any]) -> AsyncJob[Any]:
        key = arguments.pop(KEY, None) if takes_key(contract) else None
        if key is not None and not isinstance(key, str):
            raise InvalidRequest(KEY, "must be a string")
        options: Any = {} if key is None else {KEY: key}
        if call.traceparent is not None:
            options["traceparent"] = call.traceparent
        job = await self._exchange.submit(call.caller, contract.kind, arguments, **options)
        call.note(Scope.SUBMIT, kind=contract.kind, job_id=job.id)
        return job
