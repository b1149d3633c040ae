"""One run: the deployment, the work and the faults together, then peace, and the evidence of both sides."""

from __future__ import annotations

import time
from collections.abc import Callable, Set
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from backdesk.client import JobClient
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.model.contract import ModelCheck
from backdesk.worker.model.job import ACTIVE
from backdesk.worker.settings import Settings, load_settings
from backdesk.worker.store.connection import connect
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.keys import Keys
from tests.chaos import muster
from tests.chaos.clerk import Clerk
from tests.chaos.deployment import Crew, Deployment, faster_starts
from tests.chaos.evidence import Evidence, gather
from tests.chaos.hand import Dealt, Hand
from tests.chaos.kinds import WITNESS
from tests.chaos.orders import HEAVY, HEAVY_CAP, MIX, Mix, Order, crowds, orders
from tests.chaos.patience import until
from tests.chaos.plan import Fault, FaultKind
from tests.chaos.producer import Producer
from tests.chaos.server import FORGETFUL, FSYNC
from tests.chaos.witness import Witness
from tests.support.workers import environment

KINDS = "tests.chaos.kinds"
START_PATIENCE_S = 90.0
#: How long everything may take to come to its end once nothing is done to it any more.
DRAIN_PATIENCE_S = 120.0
#: How long producer and clerk wait for an answer of Redis. Seconds.
CLIENT_TIMEOUT_S = 5.0
#: The share of the time over which the orders come.
SUBMITTED_WITHIN = 0.95

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run does. `overrides` are the settings that are not the defaults."""

    seed: int
    seconds: float
    jobs: int
    crews: tuple[Crew, ...]
    overrides: dict[str, Any]
    mix: Mix = field(default_factory=lambda: MIX)
    #: Whether Redis is one that loses writes when it is killed.
    forgetful: bool = False

    @property
    def fsync(self) -> str:
        """How often Redis brings its writes to the disk."""
        return FORGETFUL if self.forgetful else FSYNC


@dataclass(frozen=True, slots=True)
class Run:
    """What came of it."""

    server: str
    evidence: Evidence
    dealt: list[Dealt]
    answers: dict[str, int]
    #: Submits that were repeated because nobody knew whether they had worked.
    repeats: int
    ended_to_be_sure: int
    drain_s: float


class _Desk:
    """The job client, as the producer uses it."""

    def __init__(self, jobs: JobClient) -> None:
        self._jobs = jobs

    def submit(self, order: Order) -> None:
        request = {"moves": [move.model_dump() for move in order.moves]}
        self._jobs.submit(order.kind, request, job_id=order.job_id, **order.options)

    def cancel(self, job_id: str) -> None:
        self._jobs.cancel(job_id, "withdrawn")


def settings_of(url: str, overrides: dict[str, Any]) -> Settings:
    """The settings of a run: nothing of this machine's."""
    return load_settings(_env_file=None, redis_url=url, task_modules=(KINDS,), log_format="json", **overrides)


def drill(size: Size, faults: list[Fault], folder: Path, tell: Tell) -> Run:
    """Make one run in a folder of its own, and return what is left to judge by."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "witness.sqlite"
    with closing(Witness(path).create()) as witness, Deployment(folder, size.fsync) as deployment:
        settings = settings_of(deployment.url, size.overrides)
        more = {WITNESS: str(path), "BACKDESK_TASK_MODULES": KINDS, **faster_starts(folder)}
        for crew in size.crews:
            deployment.man(crew, "backdesk.worker.app", environment(settings, **more), "BACKDESK_REDIS_URL")
        patient = settings.model_copy(update={"socket_timeout_s": CLIENT_TIMEOUT_S})
        with JobClient(settings=patient, checks=_checks()) as jobs:
            return _Drill(size, faults, deployment, settings, jobs=jobs, witness=witness).run(tell)


def _checks() -> dict[str, ModelCheck]:
    return {kind: ModelCheck(spec.queue, spec.request) for kind, spec in REGISTRY.items() if kind.startswith("chaos.")}


class _Drill:
    """The people and processes of one run."""

    def __init__(
        self,
        size: Size,
        faults: list[Fault],
        deployment: Deployment,
        settings: Settings,
        *,
        jobs: JobClient,
        witness: Witness,
    ) -> None:
        self._size = size
        self._faults = faults
        self._deployment = deployment
        self._settings = settings
        self._keys = Keys(settings.prefix)
        self._client = connect(settings.url, CLIENT_TIMEOUT_S)
        self._jobs = jobs
        self._witness = witness
        self._orders = orders(size.seed, size.seconds * SUBMITTED_WITHIN, size.jobs, size.mix)
        pauses = [fault.at_s for fault in faults if fault.kind is FaultKind.PAUSE_QUEUE]
        self._orders = sorted([*self._orders, *crowds(size.seed, pauses)], key=lambda order: order.at_s)
        self._producer = Producer(_Desk(jobs), self._orders)
        self._clerk = Clerk(connect(settings.url, CLIENT_TIMEOUT_S), self._keys, Transitions(settings), witness)

    def run(self, tell: Tell) -> Run:
        """Start everything, deal the faults, wait for the end, and gather what is left."""
        self._deployment.start()
        until(self._manned, START_PATIENCE_S)
        self._jobs.limits.jobs.set(kind=HEAVY, max_running=HEAVY_CAP)
        self._clerk.start()
        self._producer.start()
        hand = Hand(self._deployment, self._faults, self._pause)
        hand.run(self._size.seconds, partial(tell, "dealing faults"))
        hand.open()
        drain_s = self._drain(partial(tell, "waiting for the end of all jobs"))
        evidence = self._gather(hand.struck | self._clerk.killed)
        self._clerk.stop()
        clerk = self._clerk
        server = self._deployment.server.name
        return Run(server, evidence, hand.dealt, clerk.answers, self._producer.repeats, len(clerk.killed), drain_s)

    def _pause(self, paused: bool) -> None:
        self._jobs.limits.jobs.set(queue="agents", max_running=0 if paused else "default")

    def _manned(self) -> bool:
        return all(self._client.exists(self._keys.worker(post.full_name)) for post in self._deployment.posts)

    def _drain(self, tell: Callable[[float], None]) -> float:
        """Wait until everything that was ordered has ended; return how long that took."""
        began = time.monotonic()
        self._producer.finish(DRAIN_PATIENCE_S)
        for order in self._orders if self._size.forgetful else ():
            self._submit(order)  # whoever asked looks after his jobs where Redis may forget them
        until(self._all_done, DRAIN_PATIENCE_S, tell)
        return round(time.monotonic() - began, 1)

    def _all_done(self) -> bool:
        counts = self._jobs.counts()
        return not any(counts[state] for state in ACTIVE)

    def _gather(self, struck: Set[int]) -> Evidence:
        posts, called = self._deployment.posts, [*muster.calls(self._size.crews, self._size.seed)]
        ids = [self._submit(order) for order in called]
        return gather(
            self._client,
            self._settings,
            self._witness,
            orders=[*self._orders, *called],
            acknowledged={*self._producer.acknowledged, *ids},
            absent=muster.absent(self._jobs, ids, posts),
            struck=struck,
            forgotten=self._size.forgetful,
            slots=next(crew.slots for crew in self._size.crews if crew.queue == "agents"),
            clock=self._deployment.server.steps,
            deserters=[f"{post.name} ended with exit code {end.code}" for post in posts for end in post.desertions],
        )

    def _submit(self, order: Order) -> str:
        _Desk(self._jobs).submit(order)
        return order.job_id
