"""The contracts of all kinds that are here: `KIND` of each folder's `contract`, and its `PARTS`, if it has any.

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


def kinds_of(folder: str) -> tuple[KindModels[Any, Any], ...]:
    """Return the kind of a folder, and those that do parts of its work."""
    contract = import_module(f"{folder}.contract")
    return (contract.KIND, *getattr(contract, "PARTS", ()))


def _collected() -> dict[str, KindModels[Any, Any]]:
    return {each.kind: each for folder in folders() for each in kinds_of(folder)}


#: Every kind of this deployment. A test holds it equal to what the task modules register.
KINDS: dict[str, KindModels[Any, Any]] = _collected()
