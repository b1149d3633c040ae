"""Which kind of job a caller means, how its requests are checked, and how its results are read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from backdesk.worker.errors import InvalidRequest, ResultMismatch
from backdesk.worker.model.contract import (
    KIND_OF_BODY,
    Kind,
    KindContract,
    ModelCheck,
    RequestCheck,
    SchemaCheck,
    field_errors,
)
from backdesk.worker.text.json import encode

Request = TypeVar("Request", bound=BaseModel)
Result = TypeVar("Result", bound=BaseModel)

#: A kind with its models: its contract (`KIND` of its folder), or the function that `@task` made a kind of.
TypedKind = Kind[Request, Result] | Callable[[Any, Request], Awaitable[Result]] | Callable[[Any, Request], Result]
#: A kind as operations take it: its name, or what has its models.
NamedKind = str | Kind[Any, Any]


def read_kind(kind: str | TypedKind[Any, Any]) -> NamedKind:
    """Return what operations need of a kind. Raises InvalidRequest for what is none, an undecorated function say."""
    found: Any = getattr(kind, KIND_OF_BODY, kind)
    if isinstance(found, str):
        return found
    if all(hasattr(found, part) for part in ("kind", "queue", "request", "result")):
        return found  # type: ignore[no-any-return]  # just seen to have what a Kind has
    raise InvalidRequest("kind", f"{kind!r} is none: give a name, a contract, or a function decorated with @task")


def name_of(kind: NamedKind) -> str:
    """Return the name of a kind."""
    return kind if isinstance(kind, str) else kind.kind


def model_of(kind: NamedKind) -> type[Any] | None:
    """Return the model of a kind's results, None if only its name is known."""
    return None if isinstance(kind, str) else kind.result


def check_of_announced(contract: KindContract, kind: NamedKind) -> RequestCheck:
    """Return what checks the requests of a kind, given what workers say of it.

    That is its model, the caller's or the installed one, if it is the very one that workers have, else the schema.
    """
    from backdesk.kinds.contracts import KINDS  # noqa: PLC0415 - the models of all kinds, for those who ask for a job

    models = KINDS.get(contract.kind) if isinstance(kind, str) else kind
    model: type[BaseModel] | None = None if models is None else models.request
    if model is None or _schema(model) != contract.request_schema:
        return SchemaCheck(contract)
    return ModelCheck(contract.queue, model, contract.guard)


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def request_of(model: type[Request], **fields: Any) -> Request:
    """Return a request by its fields. Raises InvalidRequest, with one reason for each field."""
    try:
        return model(**fields)
    except ValidationError as error:
        raise InvalidRequest.of(field_errors(error)) from None


def read_result(job_id: str, model: type[Any] | None, result: Any) -> Any:
    """Return a result as its model, without one as it is. Raises ResultMismatch."""
    if model is None:
        return result
    try:
        return model.model_validate_json(encode(result))
    except ValidationError as error:
        raise ResultMismatch(job_id, model.__name__, field_errors(error)) from None
