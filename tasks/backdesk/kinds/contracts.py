"""The contracts of all kinds that are here: `KIND` of each folder's `contract`.

Imports pydantic alone, so that a producer can check a request, and knows its queue, without loading a task body.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from backdesk import kinds
from backdesk.platform.contract import KindModels


def folders() -> Iterator[str]:
    """Yield the full name of the package of each kind, by name."""
    for module in iter_modules(kinds.__path__):
        if module.ispkg:
            yield f"{kinds.__name__}.{module.name}"


def _collected() -> dict[str, KindModels[Any, Any]]:
    found = [import_module(f"{folder}.contract").KIND for folder in folders()]
    return {each.kind: each for each in found}


#: Every kind of this deployment. A test holds it equal to what the task modules register.
KINDS: dict[str, KindModels[Any, Any]] = _collected()
