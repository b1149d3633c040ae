"""The hand that deals the faults of a plan, each at its time."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count

from tests.chaos.deployment import Deployment
from tests.chaos.plan import Fault, FaultKind
from tests.chaos.post import Post

F = FaultKind
TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class Dealt:
    """A fault that was dealt: when by the clock of the wall, and whom it hit ("" when nobody was there)."""

    at: float
    kind: FaultKind
    whom: str
    #: The processes that were killed.
    pids: frozenset[int] = frozenset()

    @property
    def is_kill(self) -> bool:
        """Whether a worker process was killed hard."""
        return bool(self.pids)


class Hand:
    """Deals a plan to a deployment. Deeds that follow a fault, as thawing what was frozen, go by the same clock."""

    def __init__(self, deployment: Deployment, faults: Sequence[Fault]) -> None:
        self._deployment = deployment
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

    def open(self) -> None:
        """Undo what lasts."""
        self._deployment.server.thaw()
        for post in self._deployment.posts:
            post.thaw()

    def _due(self, elapsed: float) -> bool:
        return bool(self._deeds) and self._deeds[0][0] <= elapsed

    def _later(self, at_s: float, deed: Callable[[], None]) -> None:
        heapq.heappush(self._deeds, (at_s, next(self._order), deed))

    def _deal(self, fault: Fault) -> None:
        deployment, at = self._deployment, time.time()
        post = deployment.posts[int(fault.pick * len(deployment.posts))]
        match fault.kind:
            case F.KILL_WORKER:
                self._kill(post)
            case F.KILL_CHILD:
                self._kill_child(fault)
            case F.FREEZE_WORKER:
                post.freeze()
                self._note(at, fault, post.name)
                self._later(fault.at_s + fault.seconds, partial(self._thaw, post, post.pid))
            case F.END_WORKER:
                post.end()
                self._note(at, fault, post.name)
                self._later(fault.at_s + fault.seconds, partial(self._finish_off, post, post.pid))
            case F.DROP_CONNECTIONS:
                self._note(at, fault, f"{deployment.server.drop_connections(fault.pick)} connections")
            case F.HALF_OPEN:
                self._note(at, fault, f"{deployment.proxy.strand_all()} connections")
            case F.RESTART_REDIS:
                self._note(at, fault, "redis")
                deployment.server.restart()
            case F.KILL_REDIS:
                self._note(at, fault, "redis")
                deployment.server.kill()
            case F.FREEZE_REDIS:
                self._note(at, fault, "redis")
                deployment.server.freeze()
                self._later(fault.at_s + fault.seconds, deployment.server.thaw)

    def _note(self, at: float, fault: Fault, whom: str) -> None:
        self.dealt.append(Dealt(at, fault.kind, whom))

    def _kill(self, post: Post) -> None:
        if post.alive:
            at, pids = time.time(), frozenset({post.pid, *post.children()})
            post.kill()
            self.dealt.append(Dealt(at, F.KILL_WORKER, post.name, pids))

    def _kill_child(self, fault: Fault) -> None:
        # Of workers that are ready: any other ends when it loses a child, and would hardly ever be.
        children = [(post, pid) for post in self._deployment.posts if post.ready for pid in post.children()]
        if children:
            post, pid = children[int(fault.pick * len(children))]
            at = time.time()
            with suppress(ProcessLookupError):
                post.kill_child(pid)
                self.dealt.append(Dealt(at, F.KILL_CHILD, post.name, frozenset({pid})))

    def _thaw(self, post: Post, pid: int) -> None:
        if post.pid == pid:
            post.thaw()

    def _finish_off(self, post: Post, pid: int) -> None:
        if post.pid == pid and post.alive:
            self._kill(post)
