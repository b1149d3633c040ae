"""The faults of a run: which, when, for how long, to whom. All of it follows from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class FaultKind(StrEnum):
    """What is done to the deployment."""

    KILL_WORKER = "kill -9 of a worker"
    KILL_CHILD = "kill -9 of a prefork child"
    FREEZE_WORKER = "SIGSTOP of a worker, longer than a lease"
    END_WORKER = "SIGTERM of a worker"
    DROP_CONNECTIONS = "connections dropped"
    HALF_OPEN = "connections of two workers half-open"
    ALL_HALF_OPEN = "all connections half-open"
    PAUSE_QUEUE = "a queue paused, a crowd of tenants, and resumed"
    RESTART_REDIS = "Redis restarted"
    KILL_REDIS = "kill -9 of Redis"
    FORGET_REDIS = "kill -9 of Redis, and its newest writes lost"
    FREEZE_REDIS = "SIGSTOP of Redis"
    FAIL_OVER = "failover of Redis"
    STEP_CLOCK = "the clock set forward"


F = FaultKind

#: Mean seconds between two faults of a kind. Those of Redis share one stream, so that they never overlap.
PAUSES: dict[tuple[FaultKind, ...], float] = {
    (F.KILL_WORKER,): 1.9,
    (F.KILL_CHILD,): 3.2,
    (F.FREEZE_WORKER,): 6.0,
    (F.END_WORKER,): 11.0,
    (F.DROP_CONNECTIONS,): 7.0,
    (F.HALF_OPEN,): 40.0,
    (F.ALL_HALF_OPEN,): 75.0,
    (F.STEP_CLOCK,): 50.0,
    (F.PAUSE_QUEUE,): 170.0,
    (OF_REDIS := (F.FAIL_OVER, F.RESTART_REDIS, F.KILL_REDIS, F.FREEZE_REDIS)): 22.0,
}
#: What is otherwise with a Redis that forgets: it does nothing else, and workers live long enough to be forgotten.
FORGETFUL_PAUSES: dict[tuple[FaultKind, ...], float] = {
    (F.KILL_WORKER,): 9.0,
    (F.KILL_CHILD,): 13.0,
    OF_REDIS: 0.0,
    (F.FORGET_REDIS,): 5.0,
}
#: Shortest and longest share of the lease that a worker stays frozen.
FROZEN_LEASES = (1.3, 2.5)
#: Shortest and longest time that Redis does, in seconds.
FROZEN_REDIS_S = (1.0, 4.0)
#: How long a demoted primary lives on as a replica, with the connections that it has. Seconds.
DEMOTED_S = (4.0, 10.0)
#: How many seconds of writes a loss of power takes along, where Redis writes them to its disk once a second.
FORGOTTEN_S = (0.2, 0.9)
#: How far the clock of Redis is set forward. Seconds.
STEP_S = 9.0
#: How long a queue is paused. Seconds.
PAUSED_S = (6.0, 12.0)
#: How long a worker that was told to end may take before it is killed; the deployment decides, and decides otherwise.
GRACE_S = (0.5, 8.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `pick`, from 0 to below 1, says whom it hits among those it can."""

    at_s: float
    kind: FaultKind
    pick: float
    #: How long it lasts, or is waited for.
    seconds: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at_s:7.2f}  {self.kind}{lasting}  (pick {self.pick:.2f})"


def plan(seed: int, seconds: float, lease_s: float, pace: float = 1.0, *, forgetful: bool = False) -> list[Fault]:
    """The faults of a run, in order. A higher `pace` deals them faster; a `forgetful` Redis loses writes if killed."""
    pauses = {**PAUSES, **FORGETFUL_PAUSES} if forgetful else PAUSES
    streams = [_stream(kinds, seed, seconds, lease_s, pause_s / pace) for kinds, pause_s in pauses.items() if pause_s]
    return sorted((fault for stream in streams for fault in stream), key=lambda fault: fault.at_s)


def _stream(kinds: tuple[FaultKind, ...], seed: int, seconds: float, lease_s: float, pause_s: float) -> Iterator[Fault]:
    """Faults at even pauses, give or take a third; each kind has randomness of its own, so that others do not move."""
    random = Random(f"{seed}:{kinds[0]}")
    at_s = pause_s * random.uniform(0.5, 1)
    for number in range(1, 1_000_000):
        if at_s >= seconds:
            return
        kind = kinds[number % len(kinds)]
        yield Fault(round(at_s, 3), kind, random.random(), _lasting(kind, lease_s, random))
        at_s += pause_s * random.uniform(2 / 3, 4 / 3)


def _lasting(kind: FaultKind, lease_s: float, random: Random) -> float:
    lasting = {
        F.FREEZE_WORKER: lambda: lease_s * random.uniform(*FROZEN_LEASES),
        F.FREEZE_REDIS: lambda: random.uniform(*FROZEN_REDIS_S),
        F.FORGET_REDIS: lambda: random.uniform(*FORGOTTEN_S),
        F.FAIL_OVER: lambda: random.uniform(*DEMOTED_S),
        F.STEP_CLOCK: lambda: STEP_S,
        F.PAUSE_QUEUE: lambda: random.uniform(*PAUSED_S),
        F.END_WORKER: lambda: random.uniform(*GRACE_S),
    }
    return round(lasting[kind](), 2) if kind in lasting else 0.0
