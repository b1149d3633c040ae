"""One run: the deployment, the work and the faults together, then peace, and the evidence of both sides."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import redis
from redis.exceptions import RedisError

from producers.client import JobClient
from tests.chaos.clerk import Clerk
from tests.chaos.deployment import Crew, Deployment, faster_starts
from tests.chaos.evidence import Evidence, gather
from tests.chaos.hand import Dealt, Hand
from tests.chaos.kinds import WITNESS
from tests.chaos.orders import MIX, Mix, Order, orders
from tests.chaos.plan import Fault
from tests.chaos.post import Post
from tests.chaos.producer import Producer
from tests.chaos.script import Move
from tests.chaos.witness import Witness
from tests.support.workers import environment
from worker.connection import connect
from worker.errors import StoreUnavailable
from worker.events import EventType
from worker.job import ACTIVE
from worker.keys import Keys
from worker.kinds import ModelCheck
from worker.settings import Settings, load_settings
from worker.store.transitions import Transitions
from worker.task import REGISTRY

KINDS = "tests.chaos.kinds"
START_PATIENCE_S = 90.0
#: How long everything may take to come to its end once nothing is done to it any more.
DRAIN_PATIENCE_S = 120.0
MUSTER_S = 3.0
MUSTER_PATIENCE_S = 40.0

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


@dataclass(frozen=True, slots=True)
class Run:
    """What came of it."""

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
    witness = Witness(path).create()
    with Deployment(folder) as deployment:
        settings = settings_of(deployment.server.url, size.overrides)
        more = {WITNESS: str(path), "BACKDESK_TASK_MODULES": KINDS, **faster_starts(folder)}
        for crew in size.crews:
            deployment.man(crew, "worker.app", environment(settings, **more), "BACKDESK_REDIS_URL")
        with (
            connect(settings.url, 5.0) as client,
            JobClient(settings=settings.model_copy(update={"socket_timeout_s": 5.0}), checks=_checks()) as jobs,
        ):
            return _Drill(size, deployment, settings, client, jobs, witness).run(faults, tell)


def until(condition: Callable[[], bool], patience_s: float, tell: Callable[[float], None] = lambda _: None) -> bool:
    """Wait for a condition as long as the patience lasts; that it did not come true is for the checks to say."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < patience_s:
        tell(waited)
        try:
            if condition():
                return True
        except (RedisError, StoreUnavailable):
            pass
        time.sleep(0.2)
    return False


def _checks() -> dict[str, ModelCheck]:
    return {kind: ModelCheck(spec.queue, spec.request) for kind, spec in REGISTRY.items() if kind.startswith("chaos.")}


@dataclass(slots=True)
class _Drill:
    size: Size
    deployment: Deployment
    settings: Settings
    client: redis.Redis
    jobs: JobClient
    witness: Witness

    @property
    def keys(self) -> Keys:
        return Keys(self.settings.prefix)

    def run(self, faults: list[Fault], tell: Tell) -> Run:
        size, desk = self.size, _Desk(self.jobs)
        ordered = orders(size.seed, size.seconds * 0.95, size.jobs, size.mix)
        self.deployment.start()
        until(partial(self._manned, self.deployment.posts), START_PATIENCE_S)
        producer = Producer(desk, ordered)
        clerk = Clerk(
            connect(self.settings.url, 5.0), Keys(self.settings.prefix), Transitions(self.settings), self.witness
        )
        hand = Hand(self.deployment, faults)
        clerk.start()
        producer.start()
        hand.run(size.seconds, partial(tell, "dealing faults"))
        hand.open()
        began = time.monotonic()
        producer.finish(DRAIN_PATIENCE_S)
        until(self._all_done, DRAIN_PATIENCE_S, partial(tell, "waiting for the end of all jobs"))
        drain_s = time.monotonic() - began
        muster, absent = self._muster(desk)
        clerk.stop()
        acknowledged = producer.acknowledged | {order.job_id for order in muster}
        every = [*ordered, *muster]
        evidence = gather(
            self.client,
            self.settings,
            self.witness,
            orders=every,
            acknowledged=acknowledged,
            absent=absent,
            deserters=_deserters(self.deployment.posts),
        )
        return Run(evidence, hand.dealt, clerk.answers, producer.repeats, clerk.ended_to_be_sure, round(drain_s, 1))

    def _muster(self, desk: _Desk) -> tuple[list[Order], list[str]]:
        """Give the fleet as many jobs at once as it has slots; return them, and the workers that took none."""
        called = [*_muster_orders(self.size)]
        for order in called:
            desk.submit(order)
        ids = [order.job_id for order in called]
        until(lambda: all(self.jobs.get(job_id).done for job_id in ids), MUSTER_PATIENCE_S)
        begun = (event for job_id in ids for event in self.jobs.events(job_id) if event.type == EventType.STARTED)
        seen = {event.data["worker"] for event in begun}
        return called, [post.name for post in self.deployment.posts if f"{post.name}@chaos" not in seen]

    def _manned(self, posts: Iterable[Post]) -> bool:
        return all(self.client.exists(self.keys.worker(f"{post.name}@chaos")) for post in posts)

    def _all_done(self) -> bool:
        counts = self.jobs.counts()
        return not any(counts[state] for state in ACTIVE)


def _muster_orders(size: Size) -> Iterable[Order]:
    number = 0
    for crew in size.crews:
        kind = "chaos.tool" if crew.queue == "tools" else "chaos.agent"
        for _ in range(crew.workers * crew.slots):
            number += 1
            moves = [Move(do="step", key="here", effect="pure", seconds=MUSTER_S, value=1)]
            yield Order("muster", kind, moves, {"tenant": "muster"}, job_id=f"chaos-{size.seed}-muster-{number}")


def _deserters(posts: Iterable[Post]) -> list[str]:
    return [f"{post.name} ended with exit code {end.code}" for post in posts for end in post.ends if not end.wanted]
