"""Figures of the whole deployment in the format of Prometheus, read from Redis when they are asked for.

Any worker with a health port serves them, and all serve the same: scrape one of them, or take the maximum.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import redis
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from backdesk.worker.model.job import JobState
from backdesk.worker.model.service import BreakerState
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys

#: The text format that `render` writes.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Collector):
    """The figures of one deployment; each rendering reads them anew, in two round trips."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client = client
        self._keys = Keys(settings.prefix)
        self._queues = settings.queues
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render(self) -> bytes:
        """Return the present figures; raises what redis-py raises when they cannot be read."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Name nothing ahead, so that registering asks nothing of Redis."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the figures."""
        known: list[Any] = self._client.zrange(self._keys.resources, 0, -1)
        resources = sorted(map(text, known))
        replies = iter(self._read(resources))
        yield _gauge("jobs", "Jobs kept, by state.", "state", {state: next(replies) for state in JobState})
        yield _gauge("workers", "Live workers.", "", {"": next(replies)})
        yield _gauge("limits_holding", "Limits of dispatch that hold somebody now.", "", {"": next(replies)})
        slots = {text(queue): int(count) for queue, count in next(replies).items()}
        yield _gauge(
            "queue_slots", "Slots of live workers.", "queue", {queue: slots.get(queue, 0) for queue in self._queues}
        )
        delivered = {queue: next(replies) for queue in self._queues}
        yield _gauge("queue_delivered", "Jobs delivered and not yet begun.", "queue", delivered)
        taken = dict(zip(self._queues, next(replies), strict=True))
        running = {queue: int(float(taken[queue] or 0)) - delivered[queue] for queue in self._queues}
        yield _gauge("queue_running", "Jobs that run.", "queue", running)
        put_right = CounterMetricFamily(
            "backdesk_flow_put_right", "Counts of running jobs that were wrong and put right."
        )
        put_right.add_metric([], float(next(replies) or 0))
        yield put_right
        repairs = sum(int(n) for name, n in next(replies).items() if name.startswith(b"repaired "))
        yield _gauge("jobs_repaired", "Repairs of jobs that were in no place, so far.", "", {"": repairs})
        yield from _archive(next(replies), next(replies))
        states = {name: next(replies) for name in resources}
        yield from _breakers(states)

    def _read(self, resources: list[str]) -> list[Any]:
        keys = self._keys
        with self._client.pipeline(transaction=False) as pipe:
            for state in JobState:
                pipe.zcard(keys.state(state))
            pipe.zcard(keys.workers)
            pipe.zcard(keys.limited)
            pipe.hgetall(keys.slots)
            for queue in self._queues:
                pipe.zcard(keys.window(queue))
            pipe.hmget(keys.flow, [f"queue {queue}" for queue in self._queues])
            pipe.hget(keys.recount, "put_right")
            pipe.hgetall(keys.sweep)
            pipe.hgetall(keys.archive)
            pipe.zcount(keys.forgetting, "-inf", time.time() * 1000)
            for name in resources:
                pipe.hget(keys.breaker(name), "state")
            return pipe.execute()


def _archive(noted: dict[bytes, bytes], overdue: int) -> Iterator[Metric]:
    for name, told in ((b"archived", "Jobs moved to the archive."), (b"lost", "Jobs lost for want of the archive.")):
        family = CounterMetricFamily(f"backdesk_jobs_{text(name)}", told)
        family.add_metric([], float(noted.get(name, 0)))
        yield family
    yield _gauge("archive_failing", "1 while the archive takes no jobs.", "", {"": b"error" in noted})
    yield _gauge("jobs_overdue", "Jobs that are kept beyond their retention.", "", {"": overdue})


def _breakers(states: dict[str, bytes | None]) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "backdesk_breaker_state",
        "1 for the state that a service's circuit breaker is in.",
        labels=["resource", "state"],
    )
    for name, raw in states.items():
        now = text(raw) if raw else BreakerState.CLOSED
        for state in BreakerState:
            family.add_metric([name, state], float(state == now))
    yield family


def _gauge(name: str, help_text: str, label: str, values: dict[Any, Any]) -> Metric:
    family = GaugeMetricFamily(f"backdesk_{name}", help_text, labels=[label] if label else [])
    for value, count in values.items():
        family.add_metric([str(value)] if label else [], float(count))
    return family
