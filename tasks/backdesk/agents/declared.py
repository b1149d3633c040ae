"""What the tools of this deployment's agents depend on, by the cards that its task modules make."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from backdesk.agents.card import Agent, cards
from backdesk.agents.remote.checking import server_dependency
from backdesk.platform.dependency import Dependency


@dataclass(frozen=True, slots=True)
class Declared:
    """A dependency, what declares it, and the agents that have that."""

    by: str
    agents: tuple[str, ...]
    dependency: Dependency

    @property
    def title(self) -> str:
        """Who needs it."""
        return f"{self.by} of {', '.join(self.agents)}"


def declared_in(modules: Iterable[str]) -> list[Declared]:
    """Load task modules, as a worker does, and return what the tools of all agents depend on that there are then.

    Raises what loading a module raises.
    """
    here = str(Path.cwd())
    added = [here] if here not in sys.path and "" not in sys.path else []
    sys.path[:0] = added
    try:
        for module in modules:
            import_module(module)
    finally:
        for each in added:
            sys.path.remove(each)
    return dependencies_of(cards())


def dependencies_of(agents: Iterable[Agent]) -> list[Declared]:
    """Return what the tools of agents depend on, each once, whoever shares it; by name."""
    found: dict[tuple[str, Dependency], tuple[set[str], set[str]]] = {}
    servers: dict[object, Dependency] = {}
    for card in agents:
        for what, name, dependency in _of(card, servers):
            names, whose = found.setdefault((what, dependency), (set(), set()))
            names.add(name)
            whose.add(card.name)
    declared = [
        Declared(f"{what}{'s' if len(names) > 1 else ''} {', '.join(sorted(names))}", tuple(sorted(whose)), dependency)
        for (what, dependency), (names, whose) in found.items()
    ]
    return sorted(declared, key=lambda each: (each.title, each.dependency.name))


def _of(card: Agent, servers: dict[object, Dependency]) -> Iterator[tuple[str, str, Dependency]]:
    for tool in card.tools:
        yield from (("tool", tool.name, dependency) for dependency in tool.dependencies)
    for server in card.mcp:
        yield "MCP server", server.name, servers.setdefault(server, server_dependency(server))
