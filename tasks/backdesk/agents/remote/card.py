"""Which server of MCP an agent may use, and what of it. Data, without any library."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from urllib.parse import urlsplit

from backdesk.agents.lists import hold_as_tuples
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


def called(tool: str) -> str:
    """Return what models call a tool of a server."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", tool)[:64]


@dataclass(frozen=True, slots=True)
class McpServer:
    """A server of MCP: at a URL, or a command that speaks it on its standard input and output.

    `tools` are those that the agent gets to see: a server offers what it likes, and changes it. What a second call
    would do says this card, as the server cannot be taken at its word: `pure` and `idempotent` name tools, all others
    are unsafe. `secret` names what is sent as a bearer token, `env` what a command gets of the environment: variables,
    or files of the same name where secrets are mounted. A URL in a private network is refused unless it is `private`.
    `legacy` speaks to it as before 2026-07-28, for a server that knows both ways but asks people by its own requests.

    Raises ConfigurationError for a card that contradicts itself.
    """

    name: str
    _: KW_ONLY
    tools: Sequence[str]
    url: str = ""
    command: Sequence[str] = ()
    pure: Sequence[str] = ()
    idempotent: Sequence[str] = ()
    secret: str = ""
    env: Sequence[str] = ()
    private: bool = False
    legacy: bool = False

    def __post_init__(self) -> None:
        """Check the card."""
        hold_as_tuples(self, "tools", "command", "pure", "idempotent", "env")
        for why in self._faults():
            raise ConfigurationError(f"the server of MCP {self.name!r} {why}")

    def _faults(self) -> list[str]:
        faults = []
        if not _NAME.fullmatch(self.name):
            faults.append("must have a name of up to 40 letters, digits, _ or -")
        if bool(self.url) == bool(self.command):
            faults.append("needs either a url or a command")
        if self.url and (urlsplit(self.url).scheme not in {"http", "https"} or not urlsplit(self.url).hostname):
            faults.append(f"needs a url of http or https, not {self.url!r}")
        if self.command and self.secret:
            faults.append("is a command: name in `env` what it gets of the environment, in place of a secret")
        if not self.tools:
            faults.append("needs a list of the tools that the agent may call")
        if unknown := {*self.pure, *self.idempotent} - {*self.tools}:
            faults.append(f"has effects for tools that it does not list: {', '.join(sorted(unknown))}")
        return faults

    def effect(self, tool: str) -> Effect:
        """Say what a second call of a tool would do."""
        if tool in self.pure:
            return Effect.PURE
        return Effect.IDEMPOTENT if tool in self.idempotent else Effect.UNSAFE
