"""The line to one server of MCP, held by one job from its first call on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.context import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult, TextContent

from backdesk.agents.remote.card import McpServer
from backdesk.agents.running_call import CallWaits
from backdesk.platform.guarded_network import GuardedBackend, Resolve, resolve
from backdesk.platform.network import DirectTransport, trusted
from backdesk.platform.public_address import PrivateAddress
from backdesk.platform.settings import read_secret
from backdesk.worker.attempt.ledger import Suspended
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

_log = logging.getLogger(__name__)

#: A result is cut to so many characters: it goes to a model, and into the ledger.
MOST_RESULT = 50_000
_LIMITS = httpx2.Limits(max_connections=10)
#: In what a server fails with that speaks as it does since 2026-07-28, and asks as one did before.
_ASKS_BY_REQUEST = "no back-channel"
#: Asks people what a server asks, under the key of a question.
Ask = Callable[[str, ElicitRequestParams], Awaitable[ElicitResult]]


class Connection:
    """One call at a time: what a server asks in its midst belongs to it."""

    def __init__(self, server: McpServer, ask: Ask, timeout_s: float, resolve: Resolve = resolve) -> None:
        self._server = server
        self._ask = ask
        self._timeout_s = timeout_s
        self._resolve = resolve
        self._turn = asyncio.Lock()
        self._closing = asyncio.Event()
        self._holder: asyncio.Task[None] | None = None
        self._client: asyncio.Future[Client] | None = None
        #: Of the call that is under way: its key, how often it has asked, and whether people have yet to answer.
        self._key = ""
        self._questions = 0
        self._leaving: Suspended | None = None

    async def tools(self) -> list[dict[str, Any]]:
        """Return the tools that the server has and its card lists: name, description and schema of each."""
        client, cursor, listed = await self._connected(), None, dict[str, dict[str, Any]]()
        while True:
            page = await client.list_tools(cursor=cursor)
            for tool in page.tools:
                description = (tool.description or tool.title or tool.name)[:1024]
                listed[tool.name] = {"name": tool.name, "description": description, "schema": tool.input_schema}
            cursor = page.next_cursor
            if not cursor:
                break
        if missing := [name for name in self._server.tools if name not in listed]:
            message = f"the server of MCP {self._server.name!r} has no tool {', '.join(missing)}"
            raise TaskError("mcp_tool_missing", message)
        return [listed[name] for name in self._server.tools]

    async def call(self, tool: str, arguments: dict[str, Any], key: str) -> Any:
        """Call a tool, and return its data, or its text.

        Raises CallWaits when a person has to answer first; TaskError when the server cannot be reached, so that nothing
        was called; and what the library raises for a call whose outcome is not known.
        """
        async with self._turn:
            client = await self._connected()
            self._key, self._questions, self._leaving = key, 0, None
            try:
                result = await client.call_tool(tool, arguments, read_timeout_seconds=self._timeout_s)
            except MCPError as error:
                raise _advised(error) if _ASKS_BY_REQUEST in error.message else error from None
            if self._leaving is not None:
                raise CallWaits(self._leaving)
        return _data(result)

    async def close(self) -> None:
        """Hang up. Idempotent."""
        self._closing.set()
        if self._holder is not None:
            await asyncio.gather(self._holder, return_exceptions=True)

    async def _connected(self) -> Client:
        if self._client is None or self._holder is None or self._holder.done():
            self._client = asyncio.get_running_loop().create_future()
            # Calls come from many tasks; the library wants to be left in the one in which it was entered.
            self._holder = asyncio.create_task(self._hold(self._client))
        return await asyncio.shield(self._client)

    async def _hold(self, opened: asyncio.Future[Client]) -> None:
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(await self._open(stack))
                opened.set_result(client)
                await self._closing.wait()
        except Exception as error:  # noqa: BLE001 - told to whoever waits, or to the log
            if opened.done():  # calls that were under way have failed by it; the next one connects anew
                _log.warning("mcp_connection_lost", extra={"server": self._server.name, "error": str(_root(error))})
                return
            opened.set_exception(self._unreachable(_root(error)))
            opened.exception()  # whoever waited for it may have been cancelled
        finally:
            if not opened.done():
                opened.cancel()

    def _unreachable(self, error: BaseException) -> BaseException:
        if isinstance(error, TaskError):
            return error
        if isinstance(error, PrivateAddress):
            message = f"{error}: say `private=True` in the card if that is meant"
            return TaskError("mcp_private_address", message, category=Category.AUTHORIZATION)
        message = f"the server of MCP {self._server.name!r} cannot be reached: {error}"
        return TaskError("mcp_unreachable", message, category=Category.NETWORK, transient=True)

    async def _open(self, stack: AsyncExitStack) -> Client:
        server = self._server
        if server.command:
            command, *args = server.command
            env = {name: read_secret(name) for name in server.env}
            return self._speaking(StdioServerParameters(command=command, args=args, env=env))
        headers = {"Authorization": f"Bearer {read_secret(server.secret)}"} if server.secret else None
        network = GuardedBackend(private=server.private, resolve=self._resolve)
        direct = DirectTransport(trusted(), _LIMITS, network)
        http = httpx2.AsyncClient(headers=headers, timeout=self._timeout_s, transport=direct)
        return self._speaking(streamable_http_client(server.url, http_client=await stack.enter_async_context(http)))

    def _speaking(self, way: Any) -> Client:
        return Client(way, elicitation_callback=self._elicit, mode="legacy" if self._server.legacy else "auto")

    async def _elicit(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        self._questions += 1
        try:
            return await self._ask(f"elicit:{self._key}:{self._questions}", params)
        except Suspended as leaving:
            # The call is ended in good order first: the next attempt makes it again, with the answer.
            self._leaving = leaving
            return ElicitResult(action="cancel")


def _advised(error: MCPError) -> MCPError:
    return MCPError(
        error.code, f"{error.message} Give its McpServer legacy=True, by which it can ask people.", error.data
    )


def _data(result: CallToolResult) -> Any:
    text = "\n".join(part.text if isinstance(part, TextContent) else f"[{part.type}]" for part in result.content)
    if len(text) > MOST_RESULT:
        text = f"{text[:MOST_RESULT]} [{len(text) - MOST_RESULT} more characters were cut off]"
    if result.is_error:
        return {"error": text}
    data = result.structured_content
    if data is None or len(str(data)) > MOST_RESULT:
        return text
    # What is no object comes in one.
    return data["result"] if data.keys() == {"result"} else data


def _root(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
