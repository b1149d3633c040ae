"""A bench on which the worker of an attempt dies at any of its writes, and from then on sends nothing any more."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from typing import Any, Literal, TypeVar, get_args

from backdesk.testing import Bench, BenchJob
from backdesk.worker.errors import FenceLost
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.store.scripts import Call, run

T = TypeVar("T")
When = Literal["before", "after"]

#: What an attempt has not written when it dies at its first write: how it begins, and what goes at times of its own.
_NOT_COUNTED = frozenset({"claim", "emit", "text"})


class Death:
    """The death of a worker `before` or `after` a write of a job, by its number from 1."""

    def __init__(self, when: When, write: int) -> None:
        self.when = when
        self.write = write
        #: Whether any job had so many writes.
        self.happened = False

    def __repr__(self) -> str:
        return f"<death {self.when} write {self.write}>"


class MortalBench(Bench):
    """A bench with deaths that `lose` does not know: at turns of conversations, jobs that are started, the end."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(watched=False, **settings)
        self._death: Death | None = None
        #: Whom it befalls, whose attempt is at work, and whether its worker is dead.
        self._mortal = self._running = ""
        self._dead = False
        self._written = 0
        self._send = self._process.writer.submit
        self._process.writer.submit = self._submit  # type: ignore[method-assign]  # all that attempts write goes here

    def outlive(self, job: BenchJob, death: Death) -> BenchJob:
        """Have a job go on as `go_on` does, and this death befall it if its attempts together have so many writes."""
        self._death, self._written, self._mortal = death, 0, job.id
        try:
            return self.go_on(job)
        finally:
            self._death = None

    def _attempt(self, record: JobRecord) -> bool:
        self._running, self._dead = record.id, False
        with suppress(FenceLost):  # of its end, where there is nobody any more whom it could tell
            return super()._attempt(record)
        return True

    def _submit(self, call: Call[T]) -> Future[T]:
        death = self._death
        counted = call.script.writes and call.script.name not in _NOT_COUNTED
        if death is None or self._running != self._mortal or not counted:
            return self._send(call)
        self._written += not self._dead
        if not self._dead and self._written != death.write:
            return self._send(call)
        if not self._dead:
            self._die(death, call)
        unanswered: Future[T] = Future()
        unanswered.set_exception(FenceLost())
        return unanswered

    def _die(self, death: Death, call: Call[Any]) -> None:
        self._dead = death.happened = True
        if death.when == "after":
            run(self._redis, call)
        if self.job(self._mortal).state is JobState.RUNNING:  # it was no end
            self._take_back(self._mortal)


def deaths() -> Iterator[Death]:
    """Yield deaths at each write, before and after it, until one has not happened: no job had so many."""
    for when in get_args(When):
        for write in count(1):
            death = Death(when, write)
            yield death
            if not death.happened:
                break
        assert write > 1, "nothing was written"
