"""The settings of all tools and kinds that are here: the subclasses of ToolSettings in each folder's `settings`.

Loads no tool and no body of a kind, so that settings can be shown where only the base package is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from backdesk import kinds, tools
from backdesk.platform.tool_settings import ToolSettings


@dataclass(frozen=True, slots=True)
class NotLoaded:
    """Settings that are not known here, as a library is not installed that their folder takes."""

    folder: str
    reason: str


def all_settings(*packages: ModuleType) -> list[type[ToolSettings] | NotLoaded]:
    """Return the classes of settings in the folders of these packages; those of tools and kinds without any."""
    return [found for package in packages or (tools, kinds) for found in _in(package)]


def _in(package: ModuleType) -> Iterator[type[ToolSettings] | NotLoaded]:
    for folder in iter_modules(package.__path__):
        # By their files: a folder without settings is not loaded to find that out.
        if any((Path(path) / folder.name / "settings.py").is_file() for path in package.__path__):
            yield from _of(f"{package.__name__}.{folder.name}.settings")


def _of(module: str) -> Iterator[type[ToolSettings] | NotLoaded]:
    try:
        values = [*vars(import_module(module)).values()]
    except ImportError as error:
        yield NotLoaded(module.rpartition(".")[0], str(error))
        return
    for value in values:
        if isinstance(value, type) and issubclass(value, ToolSettings) and value.__module__ == module:
            yield value
