"""One request and its answer, as an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter

from backdesk.client.operations.operation import HttpAnswer, HttpRequest, Operation
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.contract import encode_json
from backdesk.worker.model.page import Page
from backdesk.worker.text.json import decode

T = TypeVar("T")


def ask(
    method: str,
    *parts: str,
    query: Mapping[str, object] | None = None,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    wait_s: float = 0.0,
) -> Operation[HttpAnswer]:
    """Ask for what is at a path of `/v1`, by its parts; what is None in a query or body is left out."""
    if not all(isinstance(part, str) and part for part in parts):
        raise InvalidRequest("name", f"{parts[1:]!r} must be texts, and none empty")
    path = "/".join(["/v1", *(quote(part, safe="") for part in parts)])
    given = {name: in_query(value) for name, value in (query or {}).items() if value is not None}
    content = body if isinstance(body, bytes) or body is None else encode_json("request", _plain(body))
    (answer,) = yield HttpRequest(method, path, given, content, headers or {}, wait_s)
    return answer  # type: ignore[no-any-return]  # answers are of any type


def ask_for(read: Callable[[Any], T], method: str, *parts: str, **more: Any) -> Operation[T]:
    """Ask, and read the JSON of the answer."""
    answer = yield from ask(method, *parts, **more)
    return read(decode(answer.content))


def as_a(type_: type[T]) -> Callable[[Any], T]:
    """Return what reads JSON data as a type."""
    named: Any = type_
    return _adapter(named).validate_python


def data_of(type_: Any) -> Callable[[Any], list[Any]]:
    """Return what reads the entries of a list."""
    return lambda told: _adapter(list[type_]).validate_python(told["data"])


def page_of(type_: Any) -> Callable[[Any], Page[Any]]:
    """Return what reads a page of a list."""

    def read(told: Any) -> Page[Any]:
        items = data_of(type_)(told)
        looked_at = told.get("looked_at", len(items))
        complete = told.get("complete", True)
        return Page(items, told["cursor"], looked_at, told.get("of") or looked_at, complete)

    return read


def is_done(told: Any) -> bool:
    """Read whether there was anything to be done."""
    return bool(told["done"])


@cache
def _adapter(type_: Any) -> TypeAdapter[Any]:
    return TypeAdapter(type_)


def _plain(value: object) -> object:
    """Return what stands for a value in a body: spans are seconds, moments of no zone are in UTC."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if each is not None}
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return _moment(value)
    return value


def in_query(value: object) -> str:
    """Return a value as it stands in a query."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    if isinstance(value, datetime):
        return _moment(value)
    return str(value.value if isinstance(value, Enum) else value)


def _moment(value: datetime) -> str:
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
