"""The server: what it does at which method, for whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, TypeVar

from mcp.server.context import CallNext, HandlerResult
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    ReadResourceRequestParams,
    ReadResourceResult,
    RequestParams,
)

from backdesk.gateway.dialects.mcp import resources
from backdesk.gateway.dialects.mcp.request import TASKS, Call, Context
from backdesk.gateway.dialects.mcp.tasks import TaskParams, Tasks, UpdateParams
from backdesk.gateway.dialects.mcp.toolbox import Toolbox
from backdesk.gateway.errors import Forbidden
from backdesk.gateway.exchange import Exchange
from backdesk.worker.errors import BackdeskError, StoreUnavailable

INSTRUCTIONS = (
    "Each tool has a job done by workers that survive crashes. A call may be answered before its job has ended: "
    "then do what its `next` says. What a job asks is for the user to decide, never for you."
)
#: How long a list of tools may be kept: workers with other kinds may come and go. Milliseconds.
FRESH_MS = 10_000

Params = TypeVar("Params", bound=RequestParams)


def make_server(exchange: Exchange, wait_s: float) -> Server[Any]:
    """Return a server of the jobs that an exchange has. What it answers depends on who asks, and nothing is kept."""
    tasks = Tasks(exchange)
    toolbox = Toolbox(exchange, wait_s, tasks.start)

    async def list_tools(context: Context, _: Any) -> ListToolsResult:
        return ListToolsResult(tools=await toolbox.tools(Call(context)), ttl_ms=FRESH_MS, cache_scope="private")

    async def list_templates(_: Context, __: Any) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=resources.templates())

    async def read(call: Call, params: ReadResourceRequestParams) -> ReadResourceResult:
        return await resources.read(exchange, call.caller, str(params.uri))

    async def list_resources(_: Context, __: Any) -> ListResourcesResult:
        return ListResourcesResult(resources=[])

    server: Server[Any] = Server(
        "backdesk",
        version=version("backdesk"),
        instructions=INSTRUCTIONS,
        # No argument goes by a header; unless told so, each call would have the tools listed to find that out.
        get_tool_input_schema=lambda _: None,
        on_list_tools=list_tools,
        on_call_tool=_by_call(toolbox.call),
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=_by_call(read),
    )
    server.extensions[TASKS] = {}
    server.add_request_handler("tasks/get", TaskParams, _by_call(tasks.get))
    server.add_request_handler("tasks/update", UpdateParams, _by_call(tasks.update))
    server.add_request_handler("tasks/cancel", TaskParams, _by_call(tasks.cancel))
    server.middleware.append(_tell_errors)
    return server


def _by_call(handler: Callable[[Call, Params], Awaitable[Any]]) -> Callable[[Context, Params], Awaitable[Any]]:
    async def handle(context: Context, params: Params) -> Any:
        return await handler(Call(context), params)

    return handle


async def _tell_errors(ctx: Context, call_next: CallNext) -> HandlerResult:
    """Tell errors of ours in the protocol's words."""
    try:
        return await call_next(ctx)
    except BackdeskError as error:
        code = INVALID_PARAMS
        if isinstance(error, Forbidden):
            code = INVALID_REQUEST
        elif isinstance(error, StoreUnavailable):
            code = INTERNAL_ERROR
        raise MCPError(code, str(error)) from None
