"""Random histories of calls: whatever is asked, when, and however wrong the estimates are, the promised bounds hold.

What is promised of any 60 seconds, by the moments at which calls begin: no more requests than the limit; and no more
tokens than the limit, one call, and what the calls under way at the beginning of these seconds had reserved too much.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass

import pytest

from backdesk.worker.model.service import Granted, Went
from tests.support.board import Board, Clock
from tests.support.outside import Outside

WINDOW_S = 60.0


@dataclass(frozen=True)
class Began:
    """One call: when it began and was settled, in seconds; what it had reserved, and what it used."""

    at: float
    settled_at: float
    reserved: int
    used: int


class History:
    """Calls of many kinds, one seed."""

    def __init__(self, outside: Outside, clock: Clock, seed: int, *, requests: int, tokens: int) -> None:
        self.outside, self.clock, self.random = outside, clock, random.Random(seed)
        outside.limit("openai/gpt-4o", requests_per_minute=requests, tokens_per_minute=tokens)
        self.largest = max(1, tokens // 50)
        self.open: list[tuple[float, str, int]] = []
        self.began: list[Began] = []
        self.zero = clock.now_ms

    @property
    def now(self) -> float:
        return (self.clock.now_ms - self.zero) / 1000

    def run(self, seconds: float, *, idle: float) -> None:
        """Ask without pause, but for spells of idleness: `idle` is how likely each step is to begin one."""
        while self.now < seconds:
            self._settle()
            if self.random.random() < idle:
                self.clock.advance(self.random.uniform(0, 20))
            for _ in range(self.random.randint(1, 12)):
                self._ask()
            self.clock.advance(self.random.uniform(0.01, 0.5))

    def _ask(self) -> None:
        used = self.random.randint(1, self.largest)
        # Mostly right, now and then far off, to both sides.
        estimate = min(self.largest, max(1, round(used * self.random.choice([0.5, 0.9, 1, 1, 1.1, 1.5, 3]))))
        call = self.outside.call()
        reply = self.outside.reserve(call, tokens=estimate)
        if not isinstance(reply, Granted):
            return
        begins = self.now + reply.delay_s + self.random.uniform(0, 0.1)  # callers are late now and then
        if self.random.random() < 0.03:
            self.outside.settle(call, Went.UNUSED)
            return
        ends = begins + self.random.uniform(0.1, 8)
        heapq.heappush(self.open, (ends, call, used))
        self.began.append(Began(begins, ends, estimate, used))

    def _settle(self) -> None:
        while self.open and self.open[0][0] <= self.now:
            _, call, used = heapq.heappop(self.open)
            self.outside.settle(call, used=used)

    def windows(self) -> list[tuple[int, int, int]]:
        """For each call: requests and tokens within the 60 s from it on, and what was reserved too much before it."""
        calls = sorted(self.began, key=lambda each: each.at)
        found = []
        for first in calls:
            within = [each for each in calls if first.at <= each.at < first.at + WINDOW_S]
            owed = sum(
                max(0, each.reserved - each.used) for each in calls if each.at < first.at < each.settled_at + 0.6
            )
            found.append((len(within), sum(each.used for each in within), owed))
        return found


@pytest.fixture
def outside(board: Board) -> Outside:
    return Outside(board)


@pytest.mark.parametrize("seed", range(4))
def test_no_minute_has_more_than_was_promised(outside: Outside, clock: Clock, seed: int) -> None:
    requests, tokens = random.Random(seed).choice([(60, 10**9), (200, 10_000), (10**6, 50_000), (400, 30_000)])
    history = History(outside, clock, seed, requests=requests, tokens=tokens)
    history.run(240, idle=0.02 * (seed % 2))
    assert len(history.began) > 100
    short = 0.0
    for count, used, owed in history.windows():
        assert count <= requests
        # Calls that use more than they reserve are made up for when they end, by those after them.
        short = max(short, used - tokens - history.largest - owed)
    under_way = sum(max(0, each.used - each.reserved) for each in history.began)
    assert short <= under_way * 10 / 240 + history.largest


@pytest.mark.parametrize("seed", range(3))
def test_while_calls_wait_almost_all_of_a_limit_is_used(outside: Outside, clock: Clock, seed: int) -> None:
    requests, tokens = [(300, 10**9), (10**6, 60_000), (150, 60_000)][seed]
    history = History(outside, clock, seed, requests=requests, tokens=tokens)
    history.run(200, idle=0)
    for start in (60, 100, 130):
        within = [each for each in history.began if start <= each.at < start + WINDOW_S]
        share = max(len(within) / requests, sum(each.used for each in within) / tokens)
        assert share >= 0.95, f"{share:.1%} from {start} s on"
