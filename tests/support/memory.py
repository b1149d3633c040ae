"""A job's memory without a store: attempts may die at any write, and leave to the next one what they have kept."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, cast

from pydantic import BaseModel
from pydantic_core import to_json

from backdesk.worker.attempt.base_context import Parts
from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.ledger import LeavingNow, Ledger, Suspended
from backdesk.worker.attempt.registry import TaskSpec
from backdesk.worker.failure import Failure
from backdesk.worker.model.asks import Answer, Ask, AskType
from backdesk.worker.model.job import Claim, Usage
from backdesk.worker.model.retry import decide
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import Call
from tests.support.contexts import Unflushed, parts_of
from tests.support.memories import MEMORIES
from tests.support.recording import Recording, claim_of


class Died(BaseException):
    """The process is gone."""


class Memory:
    """What is kept of one job. `dies_before` and `dies_after` are the numbers of writes at which an attempt dies."""

    def __init__(
        self,
        job_id: str = "job-1",
        *,
        kind: str = "support.request",
        dies_before: int = 0,
        dies_after: int = 0,
        drains_at: int = 0,
    ) -> None:
        self.claim = claim_of(job_id, kind=kind, attempt=0)
        self.sink = Recording()
        self.dies_before, self.dies_after, self.drains_at = dies_before, dies_after, drains_at
        self.writes = 0
        self.keys: list[str] = []
        #: How many attempts have failed, and in place of what a fallback has answered.
        self.failures = 0
        self.degraded: Failure | None = None
        self.usage = Usage()

    @property
    def attempts(self) -> int:
        return self.claim.attempt

    def begin(self) -> Ledger:
        """Claim the job for another attempt."""
        self.claim = replace(self.claim, attempt=self.claim.attempt + 1)
        self._dead = False
        self.ledger = Ledger(
            self.claim, self._submit, cast("Transitions", self), progress=Unflushed(), max_bytes=1_000_000
        )
        return self.ledger

    async def attempt(self, body: Callable[..., Any], request: BaseModel) -> Any:
        """Run one attempt; returns None when it died, left or waits."""
        self.context = TaskContext(self.claim, self._parts(self.begin()))
        return await self._run(body, request)

    async def serve(self, spec: TaskSpec, request: BaseModel) -> Any:
        """Run one attempt as the engine does: its fallback answers, as long as it stands in for the failure.

        Returns None when it died, left or waits, or is to be made again. Raises for what nothing stands in.
        """
        try:
            return await self.attempt(spec.body, request)
        except Exception as error:
            failure = classify(error)
            self.failures += 1
            if decide(spec.retry, failure, self.failures, lambda: 0.0) is not None:
                return None
            if spec.fallback is None or not spec.stands_in(failure):
                raise
            self.degraded = failure
            return await self._run(spec.fallback, request, failure)

    async def _run(self, function: Callable[..., Any], *args: Any) -> Any:
        try:
            return await function(self.context, *args)
        except (Died, LeavingNow, Suspended):
            return None
        finally:
            self.usage = self.context.usage

    def attempt_blocking(self, body: Callable[..., Any], request: BaseModel) -> Any:
        ledger = self.begin()
        try:
            return body(BlockingContext(self.claim, self._parts(ledger)), request)
        except (Died, LeavingNow, Suspended):
            return None

    def _parts(self, ledger: Ledger) -> Parts:
        parts = parts_of(self.claim, self.sink, ledger)
        return replace(parts, memory=MEMORIES.of(self.claim, self._submit))

    async def finish(self, body: Callable[..., Any], request: BaseModel) -> Any:
        """Run attempts until one gets through, as the engine does with a job whose workers die."""
        for _ in range(10):
            if (result := await self.attempt(body, request)) is not None:
                return result
        raise AssertionError("the job does not come to an end")

    def resume_as(self, job_id: str) -> None:
        """Go on as a replay does: under another id, with all that this job has kept."""
        self.claim = replace(self.claim, job_id=job_id, root=self.claim.root or self.claim.job_id, attempt=0)

    @property
    def asks(self) -> list[Ask]:
        """What the last attempt waits for."""
        return [awaited.ask for awaited in self.ledger.awaited]

    def answer(self, **answer: Any) -> None:
        """Give the same answer to all that the last attempt waits for; a step of unknown outcome is repeated."""
        for awaited in self.ledger.awaited:
            entry = to_json({"state": "done", "value": Answer(**answer)})
            self._put(awaited.target, b"" if awaited.ask.type is AskType.OUTCOME else entry)

    def nobody_answers(self) -> None:
        """Let the time of everything that the last attempt waits for run out."""
        for awaited in self.ledger.awaited:
            self._put(awaited.target, awaited.otherwise)

    # --- in place of the store ---

    def remember(self, _claim: Claim, key: str, entry: bytes, _event: bytes = b"") -> Callable[[], None]:
        return lambda: self._put(key, entry)

    def checkpoint(self, _claim: Claim, value: bytes) -> Callable[[], None]:
        def keep() -> None:
            self.claim = replace(self.claim, checkpoint=value)

        return keep

    def _put(self, key: str, entry: bytes) -> None:
        kept = {name: value for name, value in self.claim.ledger.items() if name != key}
        self.claim = replace(self.claim, ledger=kept | ({key: entry} if entry else {}))
        self.keys.append(key)

    def _submit(self, call: Call[Any]) -> Future[Any]:
        self.writes += 1
        self._die_if(self._dead or self.writes == self.dies_before)
        answer = MEMORIES.answer(self.claim, call) if isinstance(call, Call) else self._put_down(call)
        self._die_if(self.writes == self.dies_after)
        if self.writes == self.drains_at:
            self.ledger.draining = True
        written: Future[Any] = Future()
        written.set_result(answer)
        return written

    def _put_down(self, write: Callable[[], None]) -> bool:
        write()
        return True

    def _die_if(self, due: bool) -> None:
        if due:
            self._dead = True
            raise Died


def dying(job_id: str, when: str, write: int, *, kind: str = "support.request") -> Memory:
    """Return the memory of a job whose attempt dies `before` or `after` a write."""
    if when == "before":
        return Memory(job_id, kind=kind, dies_before=write)
    return Memory(job_id, kind=kind, dies_after=write)
