"""The check of a server of MCP: that it answers, takes the secret, and has the tools that are listed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import NoReturn

from backdesk.agents.remote.card import McpServer
from backdesk.platform.checking_loop import run_checking
from backdesk.platform.dependency import Dependency, Unfit
from backdesk.platform.settings import read_secret
from backdesk.worker.errors import ConfigurationError, TaskError

#: How long a server is waited for, a command to start included.
MOST_S = 12.0
#: Characters of what may be a secret of a command.
SHORTEST = 6


def server_dependency(server: McpServer) -> Dependency:
    """Return the check of a server; a command is started for it, and ended again."""

    def look() -> str:
        _secrets_of(server)
        if server.url:
            return f"{server.url}{f', with the secret in {server.secret}' if server.secret else ''}"
        if shutil.which(server.command[0]) is None:
            raise ConfigurationError(f"there is no program {server.command[0]!r} here")
        return f"the command {server.command[0]}"

    def check() -> str:
        look()
        return run_checking(_check(server), MOST_S)

    return Dependency("server", check, look, lambda: _secrets_of(server))


def _secrets_of(server: McpServer) -> Sequence[str]:
    # Of what a command gets some is no secret, such as a `1`: masked, it would make any text unreadable.
    given = [value for name in server.env if len(value := read_secret(name)) >= SHORTEST]
    return [read_secret(server.secret), *given] if server.secret else given


async def _check(server: McpServer) -> str:
    from backdesk.agents.remote.connection import Connection  # noqa: PLC0415 - loads the library

    connection = Connection(server, _nobody, MOST_S)
    try:
        tools = await connection.tools()
    except TaskError as error:
        raise Unfit(error.message, _FIXES.get(error.code, "see that it runs and takes what it is sent")) from None
    finally:
        await connection.close()
    return f"has {', '.join(tool['name'] for tool in tools)}"


async def _nobody(_key: str, _params: object) -> NoReturn:
    raise AssertionError("a list of tools asks nobody")


_FIXES = {
    "mcp_private_address": "say `private=True` in its McpServer, if that is meant",
    "mcp_tool_missing": "list the tools in its McpServer that it has",
}
