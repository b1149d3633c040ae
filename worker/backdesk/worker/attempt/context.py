"""The contexts: all that a task body sees of the engine, in one object.

Telling (progress, events, tokens) never blocks and never fails a run by being slow. Remembering (steps, questions,
child jobs, checkpoints, conversations) waits until it is safe in Redis: by `await` in an `async def` body, by blocking
in a `def` one. What can be done is written once, as pipelines of the parts behind a context; the two contexts differ in
how they wait. Where a result's type depends on an argument, each has its own signatures.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar, TypeVarTuple, Unpack, overload

from backdesk.worker.attempt.base_context import BaseContext
from backdesk.worker.attempt.children import Children
from backdesk.worker.attempt.files import Files
from backdesk.worker.attempt.ledger import Effect, Ledger
from backdesk.worker.attempt.questions import Questions
from backdesk.worker.attempt.registry import spec_of
from backdesk.worker.attempt.service_call import ServiceCalls
from backdesk.worker.attempt.spending import AttemptSpending
from backdesk.worker.attempt.step_types import type_of_step
from backdesk.worker.memory.access import Memory
from backdesk.worker.model.child import ChildCall, ChildEnd, ChildKeywords
from backdesk.worker.model.deployment import SystemState
from backdesk.worker.pipeline import (
    Pipeline,
    answered,
    awaited,
    awaited_block,
    blocking,
    blocking_block,
    drive,
    drive_async,
)
from backdesk.worker.telemetry.tracing import tracing

Args = TypeVarTuple("Args")
T = TypeVar("T")
Request = TypeVar("Request")
Result = TypeVar("Result")


def _ledger(self: BaseContext) -> Ledger:
    return self._parts.ledger


def _questions(self: BaseContext) -> Questions:
    return self._questions


def _children(self: BaseContext) -> Children:
    return self._parts.children


def _services(self: BaseContext) -> ServiceCalls:
    return self._parts.services


def _spending(self: BaseContext) -> AttemptSpending:
    return self._parts.spending


def _memory(self: BaseContext) -> Memory:
    return self._parts.memory


def _files(self: BaseContext) -> Files:
    return self._parts.files


def _step(self: BaseContext, key: str, call: Callable[[], Any], effect: str, returns: Any) -> Pipeline[Any]:
    ledger, tracer = self._parts.ledger, tracing()
    step = ledger.step(key, call, Effect(effect), type_of_step(call, returns))
    return step if tracer is None else tracer.step(step, key, effect, replayed=ledger.finished(f"step:{key}"))


def _child(kind: str | Callable[..., Any], request: Any, options: ChildKeywords) -> ChildCall:
    if isinstance(kind, str):
        return ChildCall(kind, request, **options)
    spec = spec_of(kind)
    return ChildCall(spec.kind, request, result=spec.result, **options)


class TaskContext(BaseContext):
    """The context of an `async def` body."""

    ask = awaited(_questions, Questions.ask)
    approval = awaited(_questions, Questions.approval)
    call_all = awaited(_children, Children.call_all)
    start = awaited(_children, Children.start)
    checkpoint = awaited(_ledger, Ledger.checkpoint)
    messages = awaited(_ledger, Ledger.messages)
    reserve = awaited_block(_services, ServiceCalls.reserve)
    spending = awaited_block(_spending, AttemptSpending.spending)
    spend = awaited(_spending, AttemptSpending.spend)
    recall = awaited(_memory, Memory.recall)
    remember = awaited(_memory, Memory.remember)
    cached = awaited(_memory, Memory.cached)
    cache = awaited(_memory, Memory.cache)
    attach = awaited(_memory, Memory.attach)
    attached = awaited(_memory, Memory.attached)
    receiver = awaited(_memory, Memory.receiver)
    keep_file = awaited(_files, Files.keep_file)
    read_file = awaited(_files, Files.read_file)
    save_file = awaited(_files, Files.save_file)
    file_link = awaited(_files, Files.file_link)

    @overload
    async def step(
        self,
        key: str,
        call: Callable[[*Args], Awaitable[T]],
        *args: *Args,
        effect: str = ...,
        returns: None = ...,
    ) -> T: ...

    @overload
    async def step(
        self,
        key: str,
        call: Callable[[*Args], T],
        *args: *Args,
        effect: str = ...,
        returns: None = ...,
    ) -> T: ...

    @overload
    async def step(
        self,
        key: str,
        call: Callable[[*Args], Any],
        *args: *Args,
        effect: str = ...,
        returns: type[T],
    ) -> T: ...

    @overload
    async def step(
        self,
        key: str,
        call: Callable[[*Args], Any],
        *args: *Args,
        effect: str = ...,
        returns: Any,
    ) -> Any: ...

    async def step(
        self,
        key: str,
        call: Callable[[*Args], Any],
        *args: *Args,
        effect: str = Effect.IDEMPOTENT,
        returns: Any = None,
    ) -> Any:
        """Run `call(*args)` (also `async`) once in the life of the job, and return what it returned, as JSON brings it.

        A later attempt, after a crash or a retry, gets the value without a call. `effect` says what a repeat would do,
        for the moment between the call and its record: `pure`, `idempotent` (hand `idempotency_key(key)` on), `unsafe`
        (a person is asked). The type comes back by the annotation of `call`; name it as `returns` where there is none.
        Arguments by name go with `functools.partial`.

        Raises what the call raises; ValueError for a key that was used before in this attempt; TaskError for a result
        that is no JSON, too large, or of a type that nothing names.
        """
        return await drive_async(_step(self, key, partial(call, *args), effect, returns))

    @overload
    async def call(
        self,
        kind: Callable[[TaskContext, Request], Awaitable[Result]],
        request: Request,
        **options: Unpack[ChildKeywords],
    ) -> ChildEnd[Result]: ...

    @overload
    async def call(
        self, kind: Callable[[BlockingContext, Request], Result], request: Request, **options: Unpack[ChildKeywords]
    ) -> ChildEnd[Result]: ...

    @overload
    async def call(self, kind: str, request: Any, **options: Unpack[ChildKeywords]) -> ChildEnd: ...

    async def call(self, kind: str | Callable[..., Any], request: Any, **options: Unpack[ChildKeywords]) -> ChildEnd:
        """Have another job do something, and return how it ended. The slot is free meanwhile; a failure is a value.

        By its body, as `@task` gives it, the result comes back as the kind's model; by its name, as JSON. `options` are
        those of `ChildCall`. The child has the tenant of this job, and is cancelled with it.
        """
        return (await self.call_all([_child(kind, request, options)]))[0]

    async def system(self) -> SystemState:
        """Return the state of the whole deployment now: its load, its workers, and whether it is under maintenance.

        It is read, not remembered: in a later attempt it may be another one. Make it a step if that matters.
        """
        state: SystemState = await answered(self._parts.look())
        return state


class BlockingContext(BaseContext):
    """The context of a `def` body. Its methods are those of TaskContext, and block."""

    ask = blocking(_questions, Questions.ask)
    approval = blocking(_questions, Questions.approval)
    call_all = blocking(_children, Children.call_all)
    start = blocking(_children, Children.start)
    checkpoint = blocking(_ledger, Ledger.checkpoint)
    messages = blocking(_ledger, Ledger.messages)
    reserve = blocking_block(_services, ServiceCalls.reserve)
    spending = blocking_block(_spending, AttemptSpending.spending)
    spend = blocking(_spending, AttemptSpending.spend)
    recall = blocking(_memory, Memory.recall)
    remember = blocking(_memory, Memory.remember)
    cached = blocking(_memory, Memory.cached)
    cache = blocking(_memory, Memory.cache)
    attach = blocking(_memory, Memory.attach)
    attached = blocking(_memory, Memory.attached)
    receiver = blocking(_memory, Memory.receiver)
    keep_file = blocking(_files, Files.keep_file)
    read_file = blocking(_files, Files.read_file)
    save_file = blocking(_files, Files.save_file)
    file_link = blocking(_files, Files.file_link)

    @overload
    def step(
        self,
        key: str,
        call: Callable[[*Args], T],
        *args: *Args,
        effect: str = ...,
        returns: None = ...,
    ) -> T: ...

    @overload
    def step(
        self,
        key: str,
        call: Callable[[*Args], Any],
        *args: *Args,
        effect: str = ...,
        returns: type[T],
    ) -> T: ...

    @overload
    def step(
        self,
        key: str,
        call: Callable[[*Args], Any],
        *args: *Args,
        effect: str = ...,
        returns: Any,
    ) -> Any: ...

    def step(
        self,
        key: str,
        call: Callable[[*Args], Any],
        *args: *Args,
        effect: str = Effect.IDEMPOTENT,
        returns: Any = None,
    ) -> Any:
        """See `TaskContext.step`."""
        return drive(_step(self, key, partial(call, *args), effect, returns))

    @overload
    def call(
        self,
        kind: Callable[[TaskContext, Request], Awaitable[Result]],
        request: Request,
        **options: Unpack[ChildKeywords],
    ) -> ChildEnd[Result]: ...

    @overload
    def call(
        self, kind: Callable[[BlockingContext, Request], Result], request: Request, **options: Unpack[ChildKeywords]
    ) -> ChildEnd[Result]: ...

    @overload
    def call(self, kind: str, request: Any, **options: Unpack[ChildKeywords]) -> ChildEnd: ...

    def call(self, kind: str | Callable[..., Any], request: Any, **options: Unpack[ChildKeywords]) -> ChildEnd:
        """See `TaskContext.call`."""
        return self.call_all([_child(kind, request, options)])[0]

    def system(self) -> SystemState:
        """See `TaskContext.system`."""
        return self._parts.look().result()
