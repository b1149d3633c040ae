"""The remote tools of one job: what its agents are offered, and how their calls go through the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backdesk.agents.desk import Desk
from backdesk.agents.remote.card import McpServer, called
from backdesk.agents.running_call import running_call
from backdesk.agents.tools import Tool
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.errors import ConfigurationError

if TYPE_CHECKING:
    from backdesk.agents.remote.connection import Connection

MISSING = 'tools of MCP need a library: pip install "backdesk[mcp]"'


class RemoteTools:
    """The servers that one attempt has to do with; each is called upon when an agent with its tools begins."""

    def __init__(self, ctx: TaskContext, *, ask_within_s: float, timeout_s: float) -> None:
        self._ctx = ctx
        self._ask_within_s = ask_within_s
        self._timeout_s = timeout_s
        self._connections: dict[str, Connection] = {}
        self._tools: dict[str, list[Tool[..., Any]]] = {}

    async def of(self, servers: Sequence[McpServer], taken: Sequence[str]) -> list[Tool[..., Any]]:
        """Return the tools of servers; what they were as the job first asked, also in a later attempt.

        Raises TaskError when one cannot be reached or lacks a tool, ConfigurationError for a name that is `taken`.
        """
        tools = [tool for server in servers for tool in await self._of(server)]
        names = [*taken, *(tool.name for tool in tools)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigurationError(f"an agent has two tools of the same name: {', '.join(twice)}")
        return tools

    async def close(self) -> None:
        """Hang up. Idempotent."""
        for connection in self._connections.values():
            await connection.close()

    async def _of(self, server: McpServer) -> list[Tool[..., Any]]:
        if server.name not in self._tools:
            offered = await self._ctx.step(
                f"mcp:{server.name}:tools", self._connection(server).tools, effect="pure", returns=list[dict[str, Any]]
            )
            self._tools[server.name] = [self._tool(server, **each) for each in offered]
        return self._tools[server.name]

    def _tool(self, server: McpServer, name: str, description: str, schema: dict[str, Any]) -> Tool[..., Any]:
        async def call(_desk: Desk, **arguments: Any) -> Any:
            under_way = running_call.get()
            return await self._connection(server).call(name, arguments, under_way.key if under_way else "")

        call.__name__ = called(name)
        call.__doc__ = description
        return Tool(call, server.effect(name), schema=schema)

    def _connection(self, server: McpServer) -> Connection:
        if server.name not in self._connections:
            try:
                from backdesk.agents.remote.connection import Connection  # noqa: PLC0415 - loaded where it is used
                from backdesk.agents.remote.elicitation import ask_people  # noqa: PLC0415 - same
            except ImportError as error:
                raise ConfigurationError(MISSING) from error

            async def ask(key: str, params: Any) -> Any:
                return await ask_people(self._ctx, key, server.name, params, self._ask_within_s)

            self._connections[server.name] = Connection(server, ask, self._timeout_s)
        return self._connections[server.name]
