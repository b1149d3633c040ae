"""`@task`: how a function becomes a kind of job. The one import of a task author, besides the context."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, TypeAdapter

from worker.context import TaskContext
from worker.errors import ConfigurationError
from worker.job import Name
from worker.kinds import KindContract

Body = Callable[[TaskContext, Any], Any]
B = TypeVar("B", bound=Callable[[TaskContext, Any], BaseModel | Awaitable[BaseModel]])

_NAME = TypeAdapter(Name)


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A kind of job that this process can run."""

    kind: str
    queue: str
    body: Body
    request: type[BaseModel]
    result: type[BaseModel]
    #: Whether the body runs on the process's event loop.
    is_async: bool

    @property
    def contract(self) -> KindContract:
        """What is announced of this kind."""
        description = (inspect.getdoc(self.body) or "").partition("\n\n")[0]
        return KindContract.of(self.kind, self.queue, self.request, self.result, description)


#: Every kind that was imported, by name. Filled by `@task` while the task modules load.
REGISTRY: dict[str, TaskSpec] = {}


def task(kind: str, *, queue: str = "agents") -> Callable[[B], B]:
    """Register a body as the kind `kind`, run from `queue`.

    The body is `def` or `async def`, takes `(ctx, request)` and returns a result; both types are pydantic models and
    are read from its annotations. Queue `agents` runs hundreds of coroutines in a process; give `tools` what computes
    or blocks. Raises ConfigurationError when the name is taken or the annotations are missing.
    """
    _NAME.validate_python(kind)
    _NAME.validate_python(queue)

    def register(body: B) -> B:
        request, result = _models(kind, body)
        if kind in REGISTRY and REGISTRY[kind].body is not body:
            raise ConfigurationError(f"kind {kind!r} is registered twice: rename one of the two")
        REGISTRY[kind] = TaskSpec(kind, queue, body, request, result, inspect.iscoroutinefunction(body))
        return body

    return register


def _models(kind: str, body: Body) -> tuple[type[BaseModel], type[BaseModel]]:
    hints = get_type_hints(body)
    parameters = list(inspect.signature(body).parameters)
    if len(parameters) != 2:
        raise ConfigurationError(f"the body of {kind!r} must take (ctx, request), not ({', '.join(parameters)})")
    models = hints.get(parameters[1]), hints.get("return")
    for name, model in zip((parameters[1], "return"), models, strict=True):
        if not (inspect.isclass(model) and issubclass(model, BaseModel)):
            raise ConfigurationError(
                f"the body of {kind!r} must annotate {name!r} with a pydantic model, not {model!r}"
            )
    return models  # type: ignore[return-value]  # the loop above has shown that both are models
