"""The hand that deals the faults of a plan, each at its time."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count

from backdesk.worker.errors import StoreUnavailable
from tests.chaos.deployment import Deployment
from tests.chaos.patience import until
from tests.chaos.plan import Fault, FaultKind
from tests.chaos.post import Post

F = FaultKind
TICK_S = 0.05
PAUSE_AGAIN_S = 0.5
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Dealt:
    """A fault that was dealt: when by the clock of the wall, and whom it hit ("" when nobody was there)."""

    at: float
    kind: FaultKind
    whom: str
    #: The processes that were killed or frozen.
    pids: frozenset[int] = frozenset()

    @property
    def is_kill(self) -> bool:
        """Whether a worker process was killed hard."""
        return bool(self.pids) and self.kind in {F.KILL_WORKER, F.KILL_CHILD}


#: Pauses the queue of agents, or lets it go on.
Pause = Callable[[bool], None]


class Hand:
    """Deals a plan to a deployment. Deeds that follow a fault, as thawing what was frozen, go by the same clock."""

    def __init__(self, deployment: Deployment, faults: Sequence[Fault], pause: Pause) -> None:
        self._deployment = deployment
        self._pause = pause
        self._order = count()
        self._deeds: list[tuple[float, int, Callable[[], None]]] = []
        self.dealt: list[Dealt] = []
        for fault in faults:
            self._later(fault.at_s, partial(self._deal, fault))

    def run(self, seconds: float, tell: Callable[[float], None]) -> None:
        """Deal everything that falls into the time; `tell` is told how much of it has passed."""
        self._began = time.monotonic()
        while (elapsed := time.monotonic() - self._began) < seconds or self._due(seconds):
            tell(min(elapsed, seconds))
            while self._due(elapsed):
                heapq.heappop(self._deeds)[2]()
            time.sleep(TICK_S)

    @property
    def struck(self) -> set[int]:
        """The processes that were killed or frozen."""
        return {pid for dealt in self.dealt for pid in dealt.pids}

    def open(self) -> None:
        """Undo what lasts."""
        self._deployment.server.thaw()
        until(partial(self._paused, False), PATIENCE_S)
        for post in self._deployment.posts:
            post.thaw()

    def _due(self, elapsed: float) -> bool:
        return bool(self._deeds) and self._deeds[0][0] <= elapsed

    def _later(self, at_s: float, deed: Callable[[], None]) -> None:
        heapq.heappush(self._deeds, (at_s, next(self._order), deed))

    def _deal(self, fault: Fault) -> None:
        at = time.time()
        post = self._deployment.posts[int(fault.pick * len(self._deployment.posts))]
        match fault.kind:
            case F.KILL_WORKER:
                self._kill(post)
            case F.KILL_CHILD:
                self._kill_child(fault)
            case F.FREEZE_WORKER:
                self._note(at, fault, post.name, frozenset({post.pid, *post.children()}))
                post.freeze()
                self._later(fault.at_s + fault.seconds, partial(self._thaw, post, post.pid))
            case F.END_WORKER:
                self._note(at, fault, post.name)
                post.end()
                self._later(fault.at_s + fault.seconds, partial(self._finish_off, post, post.pid))
            case F.PAUSE_QUEUE:
                self._set_pause(True)
                self._note(at, fault, "agents")
                self._later(fault.at_s + fault.seconds, partial(self._set_pause, False))
            case F.DROP_CONNECTIONS | F.HALF_OPEN | F.ALL_HALF_OPEN:
                self._note(at, fault, f"{self._cut_off(fault)} connections")
            case _:
                self._strike_redis(fault)
                self._note(at, fault, "redis")

    def _cut_off(self, fault: Fault) -> int:
        """Spoil connections, and return how many."""
        deployment = self._deployment
        if fault.kind is F.DROP_CONNECTIONS:
            return deployment.server.drop_connections(fault.pick)
        of_two_workers = deployment.side_gate.strand_all()
        return of_two_workers + (deployment.gate.strand_all() if fault.kind is F.ALL_HALF_OPEN else 0)

    def _strike_redis(self, fault: Fault) -> None:
        server, over_at = self._deployment.server, fault.at_s + fault.seconds
        match fault.kind:
            case F.RESTART_REDIS:
                server.restart()
            case F.KILL_REDIS:
                server.kill()
            case F.FORGET_REDIS:
                server.forget(fault.seconds)
            case F.STEP_CLOCK:
                server.step_clock(fault.seconds)
            case F.FREEZE_REDIS:
                server.freeze()
                self._later(over_at, server.thaw)
            case F.FAIL_OVER:
                self._deployment.fail_over()
                self._later(over_at, server.retire)

    def _set_pause(self, paused: bool) -> None:
        """Pause or resume the queue, again and again while Redis is away: what is to be dealt meanwhile is dealt."""
        try:
            self._pause(paused)
        except StoreUnavailable:
            self._later(time.monotonic() - self._began + PAUSE_AGAIN_S, partial(self._set_pause, paused))

    def _paused(self, paused: bool) -> bool:
        self._pause(paused)
        return True

    def _note(self, at: float, fault: Fault, whom: str, pids: frozenset[int] = frozenset()) -> None:
        self.dealt.append(Dealt(at, fault.kind, whom, pids))

    def _kill(self, post: Post) -> None:
        if post.alive:
            at, pids = time.time(), frozenset({post.pid, *post.children()})
            post.kill()
            self.dealt.append(Dealt(at, F.KILL_WORKER, post.name, pids))

    def _kill_child(self, fault: Fault) -> None:
        # One place of all is picked: else those few would get everything that are there where a fleet starts slowly.
        places = [(post, number) for post in self._deployment.posts for number in range(post.processes)]
        post, number = places[int(fault.pick * len(places))]
        # Of workers that are ready: any other ends when it loses a child, and would hardly ever be.
        children = post.children() if post.ready else []
        if number < len(children):
            at, pid = time.time(), children[number]
            with suppress(ProcessLookupError):
                post.kill_child(pid)
                self.dealt.append(Dealt(at, F.KILL_CHILD, post.name, frozenset({pid})))

    def _thaw(self, post: Post, pid: int) -> None:
        if post.pid == pid:
            post.thaw()

    def _finish_off(self, post: Post, pid: int) -> None:
        if post.pid == pid and post.alive:
            self._kill(post)
