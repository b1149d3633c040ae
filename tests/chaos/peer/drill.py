"""One run of plain Celery under the plan of faults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import redis
from celery import Celery
from kombu.exceptions import OperationalError
from pydantic_core import from_json
from redis.exceptions import RedisError

from backdesk.worker.errors import StoreUnavailable
from tests.chaos.deployment import Deployment, faster_starts
from tests.chaos.drill import START_PATIENCE_S, SUBMITTED_WITHIN, Size, Tell
from tests.chaos.hand import Hand
from tests.chaos.kinds import WITNESS
from tests.chaos.orders import Order, orders
from tests.chaos.patience import until
from tests.chaos.peer.configuration import CONFIGURATIONS
from tests.chaos.peer.tally import Tally, tally
from tests.chaos.plan import Fault
from tests.chaos.post import Post
from tests.chaos.producer import Producer
from tests.chaos.witness import Witness
from tests.support.workers import ROOT

#: How long the last jobs may take once nothing is done to them any more.
DRAIN_PATIENCE_S = 90.0


class CeleryDesk:
    """Sends tasks as a careful client does: under ids of its own, again when sending has failed."""

    def __init__(self, url: str, configuration: str) -> None:
        self._app = Celery("sender", broker=url, set_as_current=False)
        self._app.conf.update(CONFIGURATIONS[configuration])

    def submit(self, order: Order) -> None:
        queue = "tools" if order.kind == "chaos.tool" else "agents"
        moves = [move.model_dump() for move in order.moves]
        try:
            self._app.send_task("play", [moves], task_id=order.job_id, queue=queue)
        except (OperationalError, RedisError, OSError) as error:
            raise StoreUnavailable(str(error)) from error

    def cancel(self, job_id: str) -> None:
        raise NotImplementedError(f"{job_id}: plain orders are not cancelled")


def drill_celery(size: Size, configuration: str, faults: list[Fault], folder: Path, tell: Tell) -> Tally:
    """Make one run in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "witness.sqlite"
    env = {WITNESS: str(path), "CHAOS_CONFIGURATION": configuration, "PYTHONPATH": str(ROOT), "C_FORCE_ROOT": "1"}
    with closing(Witness(path).create()) as witness, Deployment(folder) as deployment:
        for crew in size.crews:
            deployment.man(crew, "tests.chaos.peer.app", {**env, **faster_starts(folder)}, "CHAOS_BROKER_URL")
        deployment.start()
        until(lambda: all(map(_ready, deployment.posts)), START_PATIENCE_S)
        work = orders(size.seed, size.seconds * SUBMITTED_WITHIN, size.jobs, size.mix)
        producer = Producer(CeleryDesk(deployment.url, configuration), work)
        hand = Hand(deployment, faults, lambda _paused: None)
        producer.start()
        hand.run(size.seconds, partial(tell, f"Celery, {configuration}"))
        hand.open()
        began = time.monotonic()
        producer.finish(DRAIN_PATIENCE_S)
        tell_end = partial(tell, "waiting for the end")
        until(lambda: producer.acknowledged <= witness.finished(), DRAIN_PATIENCE_S, tell_end)
        return tally(
            f"plain Celery, {configuration}",
            str(CONFIGURATIONS[configuration]),
            witness,
            acknowledged=producer.acknowledged,
            held=_held(deployment.server.url),
            dealt=hand.dealt,
            deserters=sum(len(post.desertions) for post in deployment.posts),
            drain_s=round(time.monotonic() - began, 1),
        )


def _ready(post: Post) -> bool:
    return post.log.exists() and " ready." in post.log.read_text(errors="replace")


def _held(url: str) -> Iterator[str]:
    """The ids of the tasks that the broker has in a queue, or given to a worker and not acknowledged."""
    with redis.Redis.from_url(url) as client:
        unacked: Any = client.hvals("unacked")
        queued: Any = [item for queue in ("agents", "tools") for item in client.lrange(queue, 0, -1)]
    for message in [*(from_json(item)[0] for item in unacked), *map(from_json, queued)]:
        with suppress(KeyError, TypeError):
            yield message["headers"]["id"]
