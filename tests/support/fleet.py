"""A fleet of slots in simulated time: real transitions on a real Redis, and jobs that only last."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from backdesk.worker.model.job import Claim, Succeeded, Usage
from tests.support.board import Board

#: How often a worker looks at its attempts, in s.
RENEW_S = 2.5


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt: when it began, in s since the fleet did."""

    job_id: str
    tenant: str
    kind: str
    began_s: float


class Fleet:
    """`slots` that take a delivery whenever one of them is free, and keep it as long as `lasts` says, in s.

    `tokens` is what an attempt uses. With `pace_s` the limits are looked at as the elected worker does, every so often
    and late by up to `late_s`.
    """

    def __init__(
        self,
        board: Board,
        slots: int,
        lasts: Callable[[Claim], float],
        *,
        tokens: Callable[[Claim], int] = lambda claim: 0,
        pace_s: float | None = None,
        late_s: float = 0,
        seed: int = 1,
    ) -> None:
        self.board, self._slots, self._lasts, self._tokens = board, slots, lasts, tokens
        self.runs: list[Run] = []
        self.ended = Counter[str]()
        self.seconds: dict[str, float] = defaultdict(float)
        self._running: dict[str, tuple[Claim, float]] = {}
        self._agenda: list[tuple[int, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._began_ms = board.clock.now_ms
        self._random = random.Random(seed)
        board.announce(ttl_s=1e6, agents=slots)
        self._every(lambda: RENEW_S, self._renew)
        if pace_s is not None:
            self._every(lambda: pace_s + self._random.uniform(0, late_s), self._resume)

    @property
    def now_s(self) -> float:
        return (self.board.clock.now_ms - self._began_ms) / 1000

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Do something at a moment, in s since the fleet began."""
        moment_ms = self._began_ms + round(seconds * 1000)
        heapq.heappush(self._agenda, (moment_ms, next(self._order), act))

    def work(self, seconds: float) -> None:
        """Let the time pass, and everything happen that is to happen in it."""
        until_ms = self.board.clock.now_ms + round(seconds * 1000)
        self._fill()
        while self._agenda[0][0] <= until_ms:
            self.board.clock.now_ms, _, act = heapq.heappop(self._agenda)
            act()
            self._fill()
        self.board.clock.now_ms = until_ms

    def began(self, tenant: str) -> list[float]:
        """When the attempts of a tenant began, in s."""
        return [run.began_s for run in self.runs if run.tenant == tenant]

    def share(self, tenant: str) -> float:
        """The part of all seconds worked so far that a tenant has had."""
        seconds = self.seconds.copy()
        for claim, since in self._running.values():
            seconds[claim.tenant] += self.now_s - since
        return seconds[tenant] / sum(seconds.values())

    def _every(self, span: Callable[[], float], act: Callable[[], None]) -> None:
        def again() -> None:
            act()
            self.at(self.now_s + span(), again)

        self.at(self.now_s + span(), again)

    def _fill(self) -> None:
        while len(self._running) < self._slots and (job_id := self.board.take_delivery()):
            claim = self.board.claim(job_id)
            if isinstance(claim, Claim):
                self.runs.append(Run(job_id, claim.tenant, claim.kind, self.now_s))
                self._running[job_id] = claim, self.now_s
                self.at(self.now_s + self._lasts(claim), partial(self._end, claim))

    def _end(self, claim: Claim) -> None:
        _, since = self._running.pop(claim.job_id)
        self.seconds[claim.tenant] += self.now_s - since
        self.ended[claim.tenant] += 1
        assert self.board.finish(claim, Succeeded(b"1"), Usage(output_tokens=self._tokens(claim)))

    def _renew(self) -> None:
        attempts = [(claim.job_id, claim.fence) for claim, _ in self._running.values()]
        assert None not in self.board.run(self.board.transitions.renew(attempts))

    def _resume(self) -> None:
        self.board.run(self.board.transitions.resume())
