"""The settings of all tools and kinds that are here: the subclasses of ToolSettings in each folder's `settings`.

Loads no tool and no body of a kind, so that settings can be shown where only the base package is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType

from backdesk import kinds, tools
from backdesk.platform.tool_settings import ToolSettings


def all_settings(*packages: ModuleType) -> list[type[ToolSettings]]:
    """Return the classes of settings in the folders of these packages; those of tools and kinds without any."""
    return [found for package in packages or (tools, kinds) for found in _in(package)]


def _in(package: ModuleType) -> Iterator[type[ToolSettings]]:
    for folder in iter_modules(package.__path__):
        name = f"{package.__name__}.{folder.name}.settings"
        if folder.ispkg and find_spec(name):
            for value in vars(import_module(name)).values():
                if isinstance(value, type) and issubclass(value, ToolSettings) and value.__module__ == name:
                    yield value
