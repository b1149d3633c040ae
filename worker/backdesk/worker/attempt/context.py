"""What a task body sees of the engine: one object.

Telling (progress, events, tokens) never blocks and never fails a run by being slow. Remembering (steps, questions,
child jobs, checkpoints, conversations) waits until it is safe in Redis: by `await` in an `async def` body, by blocking
in a `def` one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, Protocol, TypeVar, get_type_hints

from pydantic import TypeAdapter
from pydantic_core import from_json

from backdesk.worker.attempt.ledger import Effect, Ledger
from backdesk.worker.attempt.service_call import Reservation, Services, sleep_in_naps
from backdesk.worker.attempt.spending import Purse, Spending
from backdesk.worker.memory.archive import Archive
from backdesk.worker.memory.context import BlockingKeeping, Keeping
from backdesk.worker.model.asks import APPROVE, DENY, Answer, Ask, AskType
from backdesk.worker.model.budget import Amount, Estimate
from backdesk.worker.model.child import ChildCall, ChildEnd
from backdesk.worker.model.deployment import SystemState
from backdesk.worker.model.events import EventType, check_emittable
from backdesk.worker.model.job import Claim, Usage
from backdesk.worker.model.measure import MOST_MEASURES, check_measure
from backdesk.worker.model.service import Resource
from backdesk.worker.pipeline import Pipeline, drive, drive_async
from backdesk.worker.text.json import encode

T = TypeVar("T")


class ProgressSink(Protocol):
    """Where a context's events go. Both methods return at once; delivery happens behind them."""

    def emit(self, event_type: str, data: dict[str, Any]) -> None:
        """Append one event to the job's log and publish it, in the order of the calls."""

    def token(self, text: str) -> None:
        """Add text to the answer that is being streamed; pieces are joined into one event every 50 ms or so."""

    @property
    def watched(self) -> bool:
        """Whether somebody subscribes to this job's progress right now."""


class Family(Protocol):
    """Makes the child jobs of an attempt."""

    def call(self, calls: Sequence[ChildCall]) -> Pipeline[list[ChildEnd]]:
        """Return the ends of child jobs, in the order of the calls, or end the attempt until all have ended."""


class AttemptContext:
    """The attempt at hand: who asks for what, and how to tell them how it goes."""

    def __init__(
        self,
        claim: Claim,
        sink: ProgressSink,
        ledger: Ledger,
        family: Family,
        services: Services,
        *,
        purse: Purse,
        archive: Archive,
        look: Callable[[], Future[SystemState]],
    ) -> None:
        self._sink = sink
        self._ledger = ledger
        self._family = family
        self._services = services
        self._purse = purse
        self._archive = archive
        self._look = look
        self._root = claim.root or claim.job_id
        self.job_id = claim.job_id
        self.kind = claim.kind
        self.tenant = claim.tenant
        self.attempt = claim.attempt
        self.metadata = claim.metadata
        #: When the answer stops being of use, or None.
        self.deadline: datetime | None = claim.expires_at
        #: What the last attempt kept with `checkpoint`, or None.
        self.restored: Any = from_json(claim.checkpoint) if claim.checkpoint else None
        #: What the job has consumed, former attempts included: add to it; it is kept with the job's record.
        #: A copy: what this attempt costs its tenant is the difference to what the claim says.
        self.usage = claim.usage.model_copy(deep=True) if claim.usage else Usage()
        #: The fields of the request in which something looks suspicious, and what: names of patterns.
        self.flagged: Mapping[str, Sequence[str]] = {}
        #: What the body leaves for its fallback, which is given the same context; it is not kept.
        self.aside: dict[str, Any] = {}

    @property
    def watched(self) -> bool:
        """Whether somebody subscribes to this job's progress right now; streaming is worth its cost only then."""
        return self._sink.watched

    @property
    def draining(self) -> bool:
        """Whether the worker is ending; the next step will hand the job over."""
        return self._ledger.draining

    def progress(self, fraction: float | None = None, message: str = "", **data: Any) -> None:
        """Tell how far the job is: `fraction` from 0 to 1 (None when unknown), a message for people, and any JSON data.

        Raises ValueError when the fraction is outside 0 to 1.
        """
        if fraction is not None:
            if not 0 <= fraction <= 1:
                raise ValueError(f"fraction must be between 0 and 1, not {fraction!r}")
            data["fraction"] = round(fraction, 4)
        if message:
            data["message"] = message
        self._sink.emit(EventType.PROGRESS, data)

    def emit(self, event_type: str, **data: Any) -> None:
        """Emit an event with JSON data: one of the types for bodies, or a lower-case type of your own.

        Raises ValueError for a type of the life cycle, a malformed type, or data over the event size limit, and
        TypeError for data that is no JSON.
        """
        check_emittable(event_type)
        self._sink.emit(event_type, data)

    def token(self, text: str) -> None:
        """Stream a piece of the answer. Pieces are joined; while nobody watches they are dropped."""
        self._sink.token(text)

    def measure(self, name: str, value: float, *, add: bool = False) -> None:
        """Keep a number of this job with its usage, by a name of lower-case words (`rows_read`): 50 at most.

        A later one of the same name takes its place, or with `add` comes to it; over all attempts, but those whose
        worker was lost. A body that runs again adds again. When the job has ended, the numbers of all jobs of its kind
        and tenant are told together, as `backdesk stats` shows. Raises ValueError for a name that is none or is
        measured by the engine itself, and for what is no finite number of at most 1e15.
        """
        check_measure(name, value)
        known = self.usage.measures
        if name not in known and len(known) >= MOST_MEASURES:
            raise ValueError(f"a job has at most {MOST_MEASURES} measures; {name!r} is one more")
        total = float(value) + (known.get(name, 0.0) if add else 0.0)
        check_measure(name, total)
        known[name] = total

    def idempotency_key(self, key: str) -> str:
        """Return the name of a step for the outside world: the same in every attempt, and in a replay that resumes."""
        return f"{self._root}:{self._ledger.check_key(key)}"

    def finished(self, key: str) -> bool:
        """Whether a former attempt has finished the step of this key, so that it will not run."""
        return self._ledger.finished(f"step:{self._ledger.check_key(key)}")

    def _step(
        self, key: str, call: Callable[..., Any], args: Sequence[Any], effect: str, returns: Any
    ) -> Pipeline[Any]:
        adapter = TypeAdapter(returns if returns is not None else _returned_by(call))
        return self._ledger.step(key, lambda: call(*args), Effect(effect), adapter)

    def _question(
        self, key: str, prompt: str, choices: Sequence[str], within: float | None, otherwise: str | None, **facts: Any
    ) -> Answer:
        known = {"choices": list(choices), "facts": facts, "expires_in_s": within, "on_timeout": otherwise}
        return self._ask(Ask(type=AskType.QUESTION, name=key, prompt=prompt, **known))

    def _approval(self, key: str, prompt: str, within: float | None, otherwise: str, **facts: Any) -> Answer:
        known = {"choices": [APPROVE, DENY], "facts": facts, "expires_in_s": within, "on_timeout": otherwise}
        return self._ask(Ask(type=AskType.APPROVAL, name=key, prompt=prompt, **known))

    def _ask(self, ask: Ask) -> Answer:
        late = Answer(decision=ask.on_timeout or "", by="time-out", note="nobody answered in time", timed_out=True)
        return self._ledger.ask(ask, None if ask.expires_in_s is None else late)


class TaskContext(AttemptContext, Keeping):
    """The context of an `async def` body."""

    async def step(
        self, key: str, call: Callable[..., Any], *args: Any, effect: str = Effect.IDEMPOTENT, returns: Any = None
    ) -> Any:
        """Run `call(*args)` (also `async`) once in the life of the job, and return what it returned, as JSON brings it.

        A later attempt, after a crash or a retry, gets the value without a call. `effect` says what a repeat would do,
        for the moment between the call and its record: `pure`, `idempotent` (hand `idempotency_key(key)` on), `unsafe`
        (a person is asked). The type comes back by the annotation of `call`, or as `returns`. Raises what the call
        raises, and ValueError for a key that was used before in this attempt.
        """
        return await drive_async(self._step(key, call, args, effect, returns))

    async def ask(
        self,
        key: str,
        prompt: str,
        *,
        choices: Sequence[str] = (),
        within: float | None = None,
        otherwise: str | None = None,
        **facts: Any,
    ) -> Answer:
        """Ask a person, and return the answer; the job waits without a slot and runs again from its steps.

        The answer's decision is one of `choices`, or else its `value` is a text. When nobody answers `within` so many
        seconds, the decision is `otherwise` and the answer is marked `timed_out`. `facts` are shown with the question.
        """
        return self._question(key, prompt, choices, within, otherwise, **facts)

    async def approval(
        self,
        key: str,
        prompt: str,
        *,
        within: float | None = None,
        otherwise: str = DENY,
        **facts: Any,
    ) -> Answer:
        """Have a person approve or deny something; see `ask`. Denied when nobody answers in time."""
        return self._approval(key, prompt, within, otherwise, **facts)

    async def call(self, kind: str, request: Any, *, key: str = "", **options: Any) -> ChildEnd:
        """Have another job do something, and return how it ended. The slot is free meanwhile; a failure is a value.

        `options` are those of `ChildCall`. The child has the tenant of this job, and is cancelled with it.
        """
        return (await self.call_all([ChildCall(kind, request, key, **options)]))[0]

    async def call_all(self, calls: Sequence[ChildCall]) -> list[ChildEnd]:
        """Have several jobs at work at the same time, and return how each ended, in the order of the calls."""
        return await drive_async(self._family.call(calls))

    @asynccontextmanager
    async def reserve(self, resource: str, *, key: str = "", tokens: int = 0) -> AsyncIterator[Reservation]:
        """Enclose one call of an outside service, which begins when the limits of the whole fleet allow it.

        `resource` is its name, as `openai/gpt-4o`; `key` a fingerprint of the key in use (`fingerprint_of` of
        `model.service`); `tokens` an estimate of all that the call will use, which `used` of the value given corrects.
        What the block raises tells the circuit breaker how the service is.

        Raises Limited when there is no room for longer than BACKDESK_LIMIT_WAIT_S or the service is known to fail: the
        job is parked, and no attempt is counted. Raises TaskError (`call_over_limit`) for a call larger than a minute
        allows, and InvalidRequest for a name, key or estimate that is none.
        """
        call = Reservation(self._services, Resource(resource, key), tokens, asyncio.sleep)
        await drive_async(call.begin())
        try:
            yield call
        except BaseException as error:
            await drive_async(call.end(error))
            raise
        await drive_async(call.end(None))

    @asynccontextmanager
    async def spending(self, estimate: Estimate, *, cheaper: Estimate | None = None) -> AsyncIterator[Spending]:
        """Set aside what the block will cost, at most, and count what it really was: call `settle` of the value.

        Raises BudgetExceeded, before the block, when a budget of this job, of one that called it, or of its tenant's
        day has no room, and CostUnknown when one is in money and the cost is None. The attempt ends and the job waits
        when a person has to approve; then the block's call is not made yet, and the body runs again from its steps.
        With `cheaper`, the estimate for the same by cheaper means, a budget that says so is gone on with by these: the
        value's `cheaper` tells. What is not settled, as when the block raises, stays spent as estimated.
        """
        spending = await drive_async(self._purse.spend(estimate, cheaper, asyncio.sleep))
        try:
            yield spending
        finally:
            spending.close()

    async def spend(self, amount: Amount, *, purpose: str = "", cheaper: bool = False) -> None:
        """Count something as spent, if the budgets have room for it; raises as `spending` does.

        `cheaper` says that it may go on under a budget that lives on cheaper means, as what costs no money may.
        """
        estimate = Estimate(amount, purpose=purpose)
        spend = self._purse.spend(estimate, estimate if cheaper else None, asyncio.sleep)
        (await drive_async(spend)).close()

    async def system(self) -> SystemState:
        """Return the state of the whole deployment now: its load, its workers, and whether it is under maintenance.

        It is read, not remembered: in a later attempt it may be another one. Make it a step if that matters.
        """
        return await asyncio.wrap_future(self._look())

    async def checkpoint(self, value: Any) -> None:
        """Keep where the work is, as JSON; the next attempt finds it in `restored`. Hands over if the worker ends."""
        await drive_async(self._ledger.save(encode(value)))
        self._ledger.leave_if_draining()


class BlockingContext(AttemptContext, BlockingKeeping):
    """The context of a `def` body. Its methods are those of TaskContext, and block."""

    def step(
        self, key: str, call: Callable[..., Any], *args: Any, effect: str = Effect.IDEMPOTENT, returns: Any = None
    ) -> Any:
        """See `TaskContext.step`."""
        return drive(self._step(key, call, args, effect, returns))

    def ask(
        self,
        key: str,
        prompt: str,
        *,
        choices: Sequence[str] = (),
        within: float | None = None,
        otherwise: str | None = None,
        **facts: Any,
    ) -> Answer:
        """See `TaskContext.ask`."""
        return self._question(key, prompt, choices, within, otherwise, **facts)

    def approval(
        self,
        key: str,
        prompt: str,
        *,
        within: float | None = None,
        otherwise: str = DENY,
        **facts: Any,
    ) -> Answer:
        """See `TaskContext.approval`."""
        return self._approval(key, prompt, within, otherwise, **facts)

    def call(self, kind: str, request: Any, *, key: str = "", **options: Any) -> ChildEnd:
        """See `TaskContext.call`."""
        return self.call_all([ChildCall(kind, request, key, **options)])[0]

    def call_all(self, calls: Sequence[ChildCall]) -> list[ChildEnd]:
        """See `TaskContext.call_all`."""
        return drive(self._family.call(calls))

    @contextmanager
    def reserve(self, resource: str, *, key: str = "", tokens: int = 0) -> Iterator[Reservation]:
        """See `TaskContext.reserve`."""
        call = Reservation(self._services, Resource(resource, key), tokens, sleep_in_naps)
        drive(call.begin())
        try:
            yield call
        except BaseException as error:
            drive(call.end(error))
            raise
        drive(call.end(None))

    @contextmanager
    def spending(self, estimate: Estimate, *, cheaper: Estimate | None = None) -> Iterator[Spending]:
        """See `TaskContext.spending`."""
        spending = drive(self._purse.spend(estimate, cheaper, sleep_in_naps))
        try:
            yield spending
        finally:
            spending.close()

    def spend(self, amount: Amount, *, purpose: str = "", cheaper: bool = False) -> None:
        """See `TaskContext.spend`."""
        estimate = Estimate(amount, purpose=purpose)
        drive(self._purse.spend(estimate, estimate if cheaper else None, sleep_in_naps)).close()

    def system(self) -> SystemState:
        """See `TaskContext.system`."""
        return self._look().result()

    def checkpoint(self, value: Any) -> None:
        """See `TaskContext.checkpoint`."""
        drive(self._ledger.save(encode(value)))
        self._ledger.leave_if_draining()


def _returned_by(call: Callable[..., Any]) -> Any:
    try:
        return get_type_hints(call).get("return", Any)
    except (NameError, TypeError):
        return Any
