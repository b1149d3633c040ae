"""A real server of MCP: over HTTP in this process, and as a command. What its tools have done is on its board."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

import uvicorn
from mcp.server import MCPServer
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.support.eventually import eventually


class Sure(BaseModel):
    """What is asked before money moves."""

    sure: bool


class Colour(BaseModel):
    """What is asked of a customer who orders."""

    colour: str


def sure(number: int) -> Elicit[Sure]:
    return Elicit(f"Refund parcel {number}?", Sure)


def colour() -> Elicit[Colour]:
    return Elicit("Which colour?", Colour)


@dataclass
class Board:
    """What the server has seen and done."""

    calls: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)


def make(board: Board) -> MCPServer:
    """Make a server with tools of all kinds."""
    server = MCPServer("parcels")

    @server.tool()
    def look_up(number: int) -> dict[str, str]:
        """Look up where a parcel is."""
        board.calls.append(f"look_up {number}")
        return {"place": "Hamburg"}

    @server.tool()
    def send(number: int) -> str:
        """Send a parcel once more."""
        board.calls.append(f"send {number}")
        return f"parcel {number} is sent"

    @server.tool()
    def lose(number: int) -> str:
        """Fail."""
        raise ToolError(f"parcel {number} is lost")

    @server.tool()
    def token() -> str:
        """Tell the token of the environment."""
        return os.environ.get("PARCELS_TOKEN", "none")

    @server.tool()
    def secret_door() -> str:
        """Never call this."""
        board.calls.append("secret_door")
        return "open"

    _add_those_that_ask(server, board)
    return server


def _add_those_that_ask(server: MCPServer, board: Board) -> None:
    @server.tool()
    def refund(number: int, answer: Annotated[ElicitationResult[Sure], Resolve(sure)]) -> str:
        """Refund a parcel, when somebody is sure."""
        if not isinstance(answer, AcceptedElicitation) or not answer.data.sure:
            return f"not refunded: {answer.action}"
        board.calls.append(f"refund {number}")
        return "refunded"

    @server.tool()
    def order(answer: Annotated[ElicitationResult[Colour], Resolve(colour)]) -> str:
        """Order something in a colour."""
        if not isinstance(answer, AcceptedElicitation):
            return f"not ordered: {answer.action}"
        return f"ordered in {answer.data.colour}"

    @server.tool()
    async def paint(ctx: Context) -> str:
        """Paint something in a colour, which is asked for by a request of the server's own."""
        answer = await ctx.elicit("Which colour?", Colour)
        return f"painted {answer.data.colour}" if isinstance(answer, AcceptedElicitation) else answer.action


@contextmanager
def serving(board: Board) -> Iterator[str]:
    """Serve over HTTP within the block; gives the URL."""
    app = _Noting(make(board).streamable_http_app(), board)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="on"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started, what="the start of the server of MCP")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.should_exit = True
        thread.join(timeout=30)


@dataclass
class _Noting:
    app: ASGIApp
    board: Board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.board.tokens += [value.decode() for name, value in scope.get("headers", []) if name == b"authorization"]
        await self.app(scope, receive, send)


if __name__ == "__main__":
    make(Board()).run("stdio")
