"""Declared work on one item: what agents, and jobs of `batch.run`, may have done over many."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, get_type_hints

from pydantic import TypeAdapter

from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.errors import ConfigurationError

T = TypeVar("T")
R = TypeVar("R")

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class ItemCall:
    """The call for one item: `index` is its place, from 0; `key` names it for whatever must not do it twice.

    The key is the same whenever the item is done again, in a later attempt or a replay that resumes.
    """

    index: int
    key: str
    tenant: str


@dataclass(frozen=True)
class Operation(Generic[T, R]):
    """Work on one item, by a name. Called itself, it is that function."""

    name: str
    work: Callable[[T, ItemCall], R]
    effect: Effect
    parallel: int
    item: Any

    def __call__(self, item: T, call: ItemCall) -> R:
        return self.work(item, call)

    @property
    def description(self) -> str:
        """What it does, as its author says it."""
        return inspect.getdoc(self.work) or self.name

    @property
    def items(self) -> TypeAdapter[T]:
        """What makes an item of JSON."""
        return TypeAdapter(self.item)


#: By name: those of all modules that this process has loaded.
OPERATIONS: dict[str, Operation[Any, Any]] = {}


def operation(
    name: str, *, effect: Effect | Literal["pure", "idempotent", "unsafe"] = "idempotent", parallel: int = 8
) -> Callable[[Callable[[T, ItemCall], R]], Operation[T, R]]:
    """Declare a function of an item and its `ItemCall` as an operation; it returns JSON, or a pydantic model.

    `effect` says what it does to do an item again: those that were under way when a worker died are done again, unless
    they are `unsafe`: such are done one at a time, each a step of the job, and a person is asked about one of which
    nobody knows. An `idempotent` one hands `call.key` on to whatever it changes. Up to `parallel` items are done at the
    same time, in threads. The annotation of the item says what an item may be.

    Raises ConfigurationError for a name that is none or is taken, and for what is no function of two arguments.
    """
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise ConfigurationError(f"an operation must be named by words of a-z, 0-9, _ between points, not {name!r}")
    if not 1 <= parallel <= MOST_PARALLEL:
        raise ConfigurationError(f"{name}: parallel must be 1 to {MOST_PARALLEL}, not {parallel}")

    def declared(work: Callable[[T, ItemCall], R]) -> Operation[T, R]:
        made = Operation(name, work, Effect(effect), parallel, _item_of(name, work))
        known = OPERATIONS.setdefault(name, made)
        if known is not made and _place(known.work) != _place(work):
            raise ConfigurationError(f"there are two operations named {name!r}: {known.work!r} and {work!r}")
        OPERATIONS[name] = made
        return made

    return declared


#: More threads than this help nobody in one process.
MOST_PARALLEL = 64


def _item_of(name: str, work: Callable[..., Any]) -> Any:
    arguments = [*inspect.signature(work).parameters]
    if len(arguments) != 2 or inspect.iscoroutinefunction(work):
        raise ConfigurationError(f"operation {name!r} must be a `def` of an item and its ItemCall")
    return get_type_hints(work).get(arguments[0], Any)


def _place(work: Callable[..., Any]) -> tuple[str, str]:
    return work.__module__, work.__qualname__
