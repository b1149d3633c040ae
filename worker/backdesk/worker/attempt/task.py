"""`@task`: how a function becomes a kind of job."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from backdesk.worker.attempt.base_context import BaseContext
from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.registry import REGISTRY, USUAL_RETRY, Body, Fallback, FallbackFor, TaskSpec
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.contract import KIND_OF_BODY, MOST_SLOTS, field_errors
from backdesk.worker.model.job import NAME_PATTERN, Name
from backdesk.worker.model.prompt import AnnouncedPrompt
from backdesk.worker.model.retry import LONGEST_WAIT_S, RetryPolicy
from backdesk.worker.model.version import ANY_VERSION, Mismatch

B = TypeVar(
    "B",
    bound=Callable[[TaskContext, Any], Awaitable[BaseModel]] | Callable[[BlockingContext, Any], BaseModel],
)

_NAME = TypeAdapter(Name)
#: What is longer is a mistake of units.
LONGEST_RETENTION_S = 3650 * 86_400


def task(
    kind: str,
    *,
    queue: str = "agents",
    retry: RetryPolicy | None = None,
    timeout: float | None = None,
    fallback: Fallback | None = None,
    fallback_for: FallbackFor | None = None,
    outage_wait: float | timedelta | None = None,
    budget: Budget | Mapping[str, Any] | None = None,
    prepare: Callable[[], None] | None = None,
    retention: float | timedelta | None = None,
    version: str | None = None,
    resumes: str | Collection[str] = (),
    mismatch: Mismatch | None = None,
    slots: int = 1,
    prompts: Collection[AnnouncedPrompt] = (),
    chat: Chat | None = None,
) -> Callable[[B], B]:
    """Register a body as the kind `kind`, run from `queue`.

    The body is `async def` with a TaskContext or `def` with a BlockingContext, takes `(ctx, request)` and returns a
    result; request and result are pydantic models and are read from its annotations. Queue `agents` runs hundreds of
    coroutines in a process; give `tools` what computes or blocks.

    `retry` says which failures are tried again and how often; `timeout` is the length of an attempt in seconds;
    `fallback(ctx, request, failure)` answers when the attempts are spent on a passing error, and its answer is marked
    as such; `fallback_for(failure)` says in place of which failures it answers instead. It also answers for a job that
    has waited `outage_wait` (seconds or a timedelta) for a service that is down; without it the settings say how long.
    `budget` is what a job may spend, with those that it calls. A submit may bring its own retry, timeout, budget and
    slots. `prepare()` is called when a worker of coroutines starts, for what takes long the first time. `retention`
    (seconds or a timedelta) is how long a job is kept that has succeeded, and any other at least; without it the
    settings say.

    `version` names what the body is now: change it when the body no longer goes on from what an earlier one has left in
    a job. Without it, it follows from the contract. `resumes` are the versions whose jobs it may go on with all the
    same, "*" all of them. A job of any other it leaves to a worker that may (`mismatch="wait"`), or begins anew without
    what the job remembers ("restart"), unless that has begun what must not be done twice; the settings say which where
    the kind does not.

    `slots` is how many of its worker's slots a job takes, for work that is heavier than other work: a worker with fewer
    never runs it. `prompts` is what agents are told that answer it, for `backdesk prompt show`. `chat` says which
    fields are a conversation, for clients that know chats and no schemas.

    Raises ConfigurationError when the name is taken, or the annotations or an option do not fit.
    """
    _NAME.validate_python(kind)
    _NAME.validate_python(queue)
    spec_for = partial(
        TaskSpec,
        kind,
        queue,
        retry=retry or USUAL_RETRY,
        timeout_s=_timeout(kind, timeout),
        fallback=fallback,
        fallback_for=fallback_for,
        outage_wait_s=_outage_wait(kind, outage_wait),
        budget=_budget(kind, budget),
        prepare=prepare,
        retention_s=_seconds(kind, retention),
        given_version=version,
        resumes=_versions(kind, version, resumes, mismatch),
        mismatch=mismatch,
        slots=_slots(kind, slots),
        prompts=tuple(prompts),
        chat=chat,
    )

    def register(body: B) -> B:
        _register(spec_for(body, *_models(kind, body), inspect.iscoroutinefunction(body)))
        return body

    return register


def _register(spec: TaskSpec) -> None:
    if spec.fallback is not None and inspect.iscoroutinefunction(spec.fallback) != spec.is_async:
        fitting = "async def" if spec.is_async else "def"
        raise ConfigurationError(f"the fallback of {spec.kind!r} must be {fitting}, as its body")
    _check_chat(spec)
    if spec.kind in REGISTRY and REGISTRY[spec.kind].body is not spec.body:
        raise ConfigurationError(f"kind {spec.kind!r} is registered twice: rename one of the two")
    REGISTRY[spec.kind] = spec
    setattr(spec.body, KIND_OF_BODY, spec)  # so that a client can be given the function itself


def _check_chat(spec: TaskSpec) -> None:
    if spec.chat is None:
        return
    named = (spec.request, spec.chat.input), (spec.request, spec.chat.conversation), (spec.result, spec.chat.output)
    for model, name in named:
        if name is not None and name not in model.model_fields:
            raise ConfigurationError(f"the chat of {spec.kind!r} names {name!r}, which {model.__name__} does not have")


def _timeout(kind: str, timeout: float | None) -> float | None:
    if timeout is not None and not timeout > 0:
        raise ConfigurationError(f"the timeout of {kind!r} must be over 0 seconds, not {timeout!r}")
    return timeout


def _outage_wait(kind: str, wait: float | timedelta | None) -> float | None:
    wait_s = wait.total_seconds() if isinstance(wait, timedelta) else wait
    if wait_s is not None and not 0 <= wait_s <= LONGEST_WAIT_S:
        raise ConfigurationError(f"the outage_wait of {kind!r} must be 0 s to 30 days, not {wait!r}")
    return wait_s


def _slots(kind: str, slots: int) -> int:
    if not isinstance(slots, int) or not 0 < slots <= MOST_SLOTS:
        raise ConfigurationError(f"the slots of {kind!r} must be a number from 1 to {MOST_SLOTS}, not {slots!r}")
    return slots


def _seconds(kind: str, retention: float | timedelta | None) -> float | None:
    seconds = retention.total_seconds() if isinstance(retention, timedelta) else retention
    if seconds is not None and not 0 < seconds <= LONGEST_RETENTION_S:
        raise ConfigurationError(f"the retention of {kind!r} must be over 0 s and at most ten years, not {retention!r}")
    return seconds


def _versions(
    kind: str, version: str | None, resumes: str | Collection[str], mismatch: Mismatch | None
) -> tuple[str, ...]:
    """Return the versions that are resumed."""
    resumed = (resumes,) if isinstance(resumes, str) else tuple(resumes)
    for each in (*resumed, *([] if version is None else [version])):
        if not (isinstance(each, str) and re.fullmatch(NAME_PATTERN, each)) and (
            each != ANY_VERSION or each == version
        ):
            raise ConfigurationError(
                f'a version of {kind!r} must be up to 128 letters, digits or any of _ . @ -, as in "2", not {each!r}'
            )
    if mismatch not in (None, *get_args(Mismatch)):
        raise ConfigurationError(f"the mismatch of {kind!r} must be one of {get_args(Mismatch)}, not {mismatch!r}")
    return resumed


def _budget(kind: str, budget: Budget | Mapping[str, Any] | None) -> Budget | None:
    try:
        return None if budget is None else Budget.model_validate(budget)
    except ValidationError as error:
        reasons = "; ".join(f"{name}: {why}" for name, why in field_errors(error).items())
        raise ConfigurationError(f"the budget of {kind!r} does not fit: {reasons}") from None


def _models(kind: str, body: Body) -> tuple[type[BaseModel], type[BaseModel]]:
    hints = get_type_hints(body)
    parameters = list(inspect.signature(body).parameters)
    if len(parameters) != 2:
        raise ConfigurationError(f"the body of {kind!r} must take (ctx, request), not ({', '.join(parameters)})")
    _check_context(kind, body, hints.get(parameters[0]))
    models = hints.get(parameters[1]), hints.get("return")
    for name, model in zip((parameters[1], "return"), models, strict=True):
        if not (inspect.isclass(model) and issubclass(model, BaseModel)):
            raise ConfigurationError(
                f"the body of {kind!r} must annotate {name!r} with a pydantic model, not {model!r}"
            )
    return models  # type: ignore[return-value]  # the loop above has shown that both are models


def _check_context(kind: str, body: Body, annotation: object) -> None:
    # In a `def` body the methods of a TaskContext would return coroutines that nobody awaits.
    fitting = TaskContext if inspect.iscoroutinefunction(body) else BlockingContext
    if annotation not in (None, Any, fitting, BaseContext):
        raise ConfigurationError(f"the body of {kind!r} must take a {fitting.__name__}, not {annotation!r}")
