"""The ledger of a job: finished steps, answers and ends of child jobs, kept by an attempt for those after it.

The entries came with the claim, so looking one up asks nobody. A new one is written under the fence before the body
goes on: what a body has seen happen, no later attempt does again. A step that must not be repeated is announced first,
so that an attempt that finds it announced and not finished knows that nobody knows; and it begins only when the
announcement will outlive the server.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from backdesk.worker.attempt.step_types import UNTYPED
from backdesk.worker.errors import FenceLost, Limited, TaskError
from backdesk.worker.model.asks import OUTCOMES, Answer, Ask, AskType, Awaited, LedgerEntry, pause_of
from backdesk.worker.model.job import Claim, Message
from backdesk.worker.model.retry import LONGEST_WAIT_S
from backdesk.worker.pipeline import Pipeline, Run
from backdesk.worker.store.attempts import Heard, Kept, Noted
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import Call
from backdesk.worker.text.json import encode, printable

T = TypeVar("T")

NOT_PLAIN = "is no plain JSON, and would come back as such: annotate what it calls, or say what it `returns`"
#: How long a job is parked whose store cannot say that it keeps what is written. Seconds.
UNCONFIRMED_S = 2.0
UNCONFIRMED = (
    "Redis does not say in time (BACKDESK_DURABLE_WAIT_S) that the announcement of step {!r} is on its disk and at a "
    "replica: see whether its replica is connected and whether it can write, and that appendfsync is not `no`"
)
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,199}")


class Effect(StrEnum):
    """What a second run of a step would do."""

    #: Nothing but work: it reads or computes.
    PURE = "pure"
    #: Nothing more than the first, given the step's idempotency key.
    IDEMPOTENT = "idempotent"
    #: Harm. If it is not known whether the step took effect, a person is asked.
    UNSAFE = "unsafe"


class Suspended(BaseException):
    """Ends an attempt whose job waits for others. Not an Exception: a body that handles errors must not handle this."""


class LeavingNow(BaseException):
    """Ends an attempt at a checkpoint because its worker is ending. Not an Exception, as above."""


class Flushable(Protocol):
    """Something that holds back events."""

    def flush(self) -> None:
        """Hand on what is held back, ahead of what is written next."""


class Ledger:
    """The memory of one attempt. Safe to use by concurrent steps of one body.

    `confirm` says whether a write will outlive the server; without it that is taken for granted.
    """

    def __init__(
        self,
        claim: Claim,
        submit: Callable[[Call[Any]], Future[Any]],
        transitions: Transitions,
        *,
        progress: Flushable,
        max_bytes: int,
        worker: str = "",
        confirm: Callable[[Call[Kept]], Future[Kept]] | None = None,
    ) -> None:
        self._claim = claim
        self._submit = submit
        self._transitions = transitions
        self._progress = progress
        self._max_bytes = max_bytes
        self._worker = worker
        self._confirm = confirm
        self._used: set[str] = set()
        #: Few, and mostly none: an empty list takes a tenth of what a deque does.
        self._unconfirmed: list[Future[bool | TaskError]] = []
        self._in_flight: set[Future[None]] = set()
        #: What the job waits for, once a step has found that it must.
        self.awaited: list[Awaited] = []
        #: Set when the worker is ending: no further step begins.
        self.draining = False
        #: Set when the job is to pause, by whom and why as JSON: no further step begins.
        self.pausing = ""
        #: Whether there are messages: that the last checkpoint has found, or that were taken before this attempt.
        self.steered = claim.steered
        #: Whether the attempt may have lost its job without knowing it. Set by the attempt.
        self.in_doubt: Callable[[], bool] = lambda: False
        #: Whether the attempt was stopped because somebody has cancelled its job. Set by the attempt.
        self.cancelled: Callable[[], bool] = lambda: False
        #: Whether a request fits the kind, with nothing suspicious in it. Set by the attempt.
        self.suits: Callable[[bytes], bool] = lambda _request: True

    def step(self, key: str, call: Callable[[], Any], effect: Effect, returns: TypeAdapter[T]) -> Pipeline[T]:
        """Run a step once in the life of the job; a later attempt gets its value. One round trip, two when unsafe.

        None begins while the lease is overdue: it waits until the store can be asked whether the job is still this
        attempt's, and is broken off by FenceLost when it is not. Raises what the step raises, TaskError for a value
        that cannot be kept, ValueError for a key used twice; and Limited, before an unsafe step, when the store does
        not confirm in time that it keeps the announcement.
        """
        name = f"step:{self.check_key(key)}"
        entry = self.entry(name)
        if entry and entry.state == "done":
            # From JSON, as when it was new: strict types take from Python's values less than from JSON's.
            return returns.validate_json(to_json(entry.value))
        if entry:
            raise self._unknown_outcome(key, entry, None)
        self.leave_if_asked()
        with self.in_flight():
            return (yield from self._run(key, name, call, effect, returns))

    def _run(
        self, key: str, name: str, call: Callable[[], Any], effect: Effect, returns: TypeAdapter[T]
    ) -> Pipeline[T]:
        yield from self.confirm()
        announced = LedgerEntry(
            state="started", since=datetime.now(UTC), attempt=self._claim.attempt, worker=self._worker
        )
        if effect is Effect.UNSAFE:
            yield from self._announce(key, name, to_json(announced))
        elif self.in_doubt():
            yield from self._make_sure()
        began = time.monotonic()
        try:
            value = yield Run(call)
        except TaskError:
            # The step itself says that it failed: it took no effect, and may be tried again.
            if effect is Effect.UNSAFE:
                yield from self.write(name, b"")
            raise
        except Exception as error:
            if effect is Effect.UNSAFE:
                raise self._unknown_outcome(key, announced, error) from error
            raise
        encoded = self._encode(key, value)
        if returns is UNTYPED and from_json(encoded) != value:
            raise TaskError("invalid_step_result", f"what step {key!r} returned {NOT_PLAIN}")
        event = to_json({"key": key, "effect": effect, "seconds": round(time.monotonic() - began, 3)})
        self._progress.flush()
        recorded = self._write(name, b'{"state":"done","value":' + encoded + b"}", event)
        if effect is Effect.UNSAFE:
            self._unconfirmed.append(recorded)
        else:
            yield from _held(recorded)
        return returns.validate_json(encoded)

    def _make_sure(self) -> Pipeline[None]:
        """Wait for the store, however long it is away; raises FenceLost when it knows better."""
        claim = self._claim
        (heard,) = yield self._submit(self._transitions.renew([(claim.job_id, claim.fence)]))
        if heard is None:
            raise FenceLost

    def _announce(self, key: str, name: str, announced: bytes) -> Pipeline[None]:
        try:
            yield from self.write(name, announced)
            yield from self._secure(key, name, announced)
        except BaseException:
            # Broken off before the step began, which nobody need be asked about. Written in this order in any case.
            self._write(name, b"", b"")
            raise

    def _secure(self, key: str, name: str, announced: bytes) -> Pipeline[None]:
        if self._confirm is None:
            return
        kept: Kept = yield self._confirm(self._transitions.secure(self._claim, name, announced))
        if kept is Kept.LOST:
            raise FenceLost
        if kept is Kept.UNKNOWN:
            raise Limited(UNCONFIRMED_S, UNCONFIRMED.format(key))

    def ask(self, ask: Ask, otherwise: Answer | None) -> Answer:
        """Return the answer, or end the attempt until there is one; `otherwise` is the answer when the time is over.

        Raises ValueError for facts that are no JSON or too large, and for a time that is none.
        """
        entry = self.entry(f"ask:{self.check_key(ask.name)}")
        if entry:
            return Answer.model_validate(entry.value)
        if ask.expires_in_s is not None and not 0 < ask.expires_in_s <= LONGEST_WAIT_S:
            raise ValueError(f"a time to answer must be over 0 and at most 30 days, not {ask.expires_in_s!r} s")
        if (size := len(encode(dict(ask)))) > self._max_bytes:
            raise ValueError(f"question {ask.name!r} is {size} bytes as JSON, the limit is {self._max_bytes}")
        done = b'{"state":"done","value":' + to_json(otherwise) + b"}" if otherwise else b""
        self.awaited.append(Awaited(ask, f"ask:{ask.name}", done))
        raise Suspended

    def checkpoint(self, value: Any) -> Pipeline[None]:
        """Keep where the work is, as JSON; the next attempt finds it in `restored`. Hands over if the worker ends.

        One round trip. Raises TaskError (`checkpoint_too_large`), and ValueError for what is no JSON.
        """
        encoded = encode(value)
        if len(encoded) > self._max_bytes:
            size = f"{len(encoded)} bytes as JSON, the limit is {self._max_bytes}"
            raise TaskError("checkpoint_too_large", f"the checkpoint is {size}")
        self._progress.flush()
        noted: Noted = yield self._submit(self._transitions.checkpoint(self._claim, encoded))
        if noted is Noted.LOST:
            raise FenceLost
        # What a former attempt has taken waits for nobody any more, and is still to be told.
        self.steered = self.steered or noted is Noted.KEPT_AND_STEERED
        self.leave_if_asked()

    def messages(self, accept: Callable[[Any], bool] | None = None) -> Pipeline[list[Message]]:
        """Take the messages that came for this job while it runs; return all that it has taken, the oldest first.

        They are those of jobs of its conversation and kind that were submitted with `when_busy="steer"`: each ends as
        `steered` then, and stays with this job in every attempt and replay. `accept` looks at a request, as JSON, and
        says whether this job can answer it; what it does not take, or has no room for, is the job after it, as if it
        had been enqueued. One round trip, two when there is something to take.
        """
        heard = yield from self._steer([])
        suitable = [(job_id, request) for job_id, request in heard.offered.items() if self.suits(request)]
        if fit := [job_id for job_id, request in suitable if accept is None or accept(from_json(request))]:
            heard = yield from self._steer(fit)
        self.steered = False
        return heard.taken

    def _steer(self, taken: Sequence[str]) -> Pipeline[Heard]:
        self._progress.flush()
        heard: Heard | None = yield self._submit(self._transitions.steer(self._claim, taken))
        if heard is None:
            raise FenceLost
        return heard

    def entry(self, name: str) -> LedgerEntry | None:
        """Return what an earlier attempt left under a name; each name may be asked for once. Raises ValueError."""
        if name in self._used:
            raise ValueError(f"{name!r} is used twice in one attempt: give each step, question and call its own key")
        self._used.add(name)
        raw = self._claim.ledger.get(name)
        return LedgerEntry.model_validate_json(raw) if raw else None

    def finished(self, name: str) -> bool:
        """Whether an earlier attempt has left the value of a step under a name."""
        raw = self._claim.ledger.get(name)
        return raw is not None and LedgerEntry.model_validate_json(raw).state == "done"

    def finished_steps(self) -> Iterator[tuple[str, Any]]:
        """Return the steps that earlier attempts have finished, by key, with their values."""
        for name, raw in self._claim.ledger.items():
            prefix, _, key = name.partition(":")
            if prefix == "step" and (entry := LedgerEntry.model_validate_json(raw)).state == "done":
                yield key, entry.value

    def check_key(self, key: str) -> str:
        """Return a key that may stand in the ledger; raises ValueError for any other."""
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise ValueError(f"key {key!r} must be 1 to 200 letters, digits, or any of _ . : / @ -")
        return key

    def tell(self, name: str, value: Any) -> None:
        """Keep what the attempt tells, for one after it that goes on telling. Returns at once, and fails nothing."""
        self._submit(self._transitions.remember(self._claim, name, to_json({"state": "told", "value": value})))

    def told(self, name: str) -> Any:
        """Return what an earlier attempt has told under a name; None when it has not."""
        raw = self._claim.ledger.get(name)
        return LedgerEntry.model_validate_json(raw).value if raw else None

    def leave_if_asked(self) -> None:
        """End the attempt here if its job is to pause, or its worker is ending."""
        if self.pausing:
            pause = pause_of(self._claim.attempt, self.pausing)
            if pause not in self.awaited:  # as of steps side by side
                self.awaited.append(pause)
            raise Suspended
        if self.draining:
            raise LeavingNow

    def confirm(self) -> Pipeline[None]:
        """Wait until all that was written is known to be written; raises FenceLost when it was refused."""
        while self._unconfirmed:
            yield from _held(self._unconfirmed.pop(0))

    def close(self) -> Pipeline[None]:
        """Confirm; raises Suspended again when the body took it for an error, as a gather that collects errors does."""
        yield from self.confirm()
        if self.awaited:
            raise Suspended

    def write(self, name: str, entry: bytes) -> Pipeline[None]:
        """Write an entry and wait for it; raises FenceLost when it was refused."""
        yield from _held(self._write(name, entry, b""))

    @property
    def running(self) -> list[Future[None]]:
        """What is done when the steps that run now have ended."""
        return list(self._in_flight)

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Have the end of the attempt wait for the block."""
        done: Future[None] = Future()
        self._in_flight.add(done)
        try:
            yield
        finally:
            self._in_flight.discard(done)
            done.set_result(None)

    def _write(self, name: str, entry: bytes, event: bytes) -> Future[bool | TaskError]:
        return self._submit(self._transitions.remember(self._claim, name, entry, event))

    def _encode(self, key: str, value: object) -> bytes:
        try:
            encoded = encode(value)
        except ValueError as error:
            raise TaskError("invalid_step_result", f"what step {key!r} returned is no JSON: {error}") from error
        if len(encoded) > self._max_bytes:
            size = f"{len(encoded)} bytes as JSON, the limit is {self._max_bytes}"
            raise TaskError("step_result_too_large", f"what step {key!r} returned is {size}")
        return encoded

    def _unknown_outcome(self, key: str, started: LedgerEntry, error: Exception | None) -> Suspended:
        facts = {"step": key, "started_at": started.since, "attempt": started.attempt, "worker": started.worker}
        if error is not None:
            facts["error"] = f"{type(error).__name__}: {printable(error)}"
        prompt = f"Step {key!r} must not be repeated, has begun, and nobody knows whether it took effect."
        name, choices = f"outcome:{key}", list(OUTCOMES)
        ask = Ask(type=AskType.OUTCOME, name=name, prompt=prompt, facts=facts, choices=choices, human_only=True)
        self.awaited.append(Awaited(ask, f"step:{key}"))
        return Suspended()


def _held(written: Future[bool | TaskError]) -> Pipeline[None]:
    """Wait for one write; raises FenceLost when it was refused, TaskError when there is no room for it."""
    held: bool | TaskError = yield written
    if isinstance(held, TaskError):
        raise held
    if not held:
        raise FenceLost
