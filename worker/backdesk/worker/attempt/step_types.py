"""The types of steps' results, read from what is called. By them a value comes back from JSON; each is built once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from inspect import isroutine
from typing import Any, TypeVar, get_type_hints
from weakref import WeakKeyDictionary

from pydantic import TypeAdapter

#: What comes back as JSON has it: of what is called nothing is known.
UNTYPED: TypeAdapter[Any] = TypeAdapter(Any)
#: Weak: a function that a body defines goes with its attempt.
_of_functions: WeakKeyDictionary[Callable[..., Any], TypeAdapter[Any]] = WeakKeyDictionary()


def type_of_step(call: Callable[..., Any], returns: Any = None) -> TypeAdapter[Any]:
    """Return the type of what a call gives: `returns`, else by its annotation, else UNTYPED, as for a lambda."""
    if returns is not None:
        return _adapter(returns)
    function = _function(call)
    try:
        known = _of_functions.get(function)
    except TypeError:  # no weak reference to it, as to what is written in C
        return _by_annotation(function)
    if known is None:
        known = _of_functions[function] = _by_annotation(function)
    return known


def _function(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function behind a call, whose annotations say what it returns."""
    while isinstance(call, partial):
        call = call.func
    if not isroutine(call) and not isinstance(call, type):
        call = type(call).__call__
    return getattr(call, "__func__", call)


def _by_annotation(function: Callable[..., Any]) -> TypeAdapter[Any]:
    if isinstance(function, type):
        return _adapter(function)
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return UNTYPED
    returned = hints.get("return", Any)
    return UNTYPED if returned is Any or isinstance(returned, TypeVar) else _adapter(returned)


def _adapter(of: Any) -> TypeAdapter[Any]:
    try:
        return _kept(of)
    except TypeError:  # it has no hash, as an annotation with a list in it
        return TypeAdapter(of)


@lru_cache(maxsize=1024)
def _kept(of: Any) -> TypeAdapter[Any]:
    return TypeAdapter(of)
