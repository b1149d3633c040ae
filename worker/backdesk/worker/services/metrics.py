"""Figures of the whole deployment in the format of Prometheus, read from Redis when they are asked for.

Any worker with a health port serves them, and all serve the same: scrape one of them, or take the maximum.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import inf
from typing import Any

import redis
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from backdesk.worker.memory.ends import Ends, EndsCalls, Group, Times
from backdesk.worker.model.job import JobState
from backdesk.worker.model.service import BreakerState
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.scripts import run


class Metrics(Collector):
    """The figures of one deployment; each rendering reads them anew, in three round trips."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client = client
        self._keys = Keys(settings.prefix)
        self._queues = settings.queues
        self._ends = EndsCalls(settings)
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
        flow = [int(float(each or 0)) for each in next(replies)]
        # Of the slots that are taken, those beyond one a job.
        busy = [taken - surplus for taken, surplus in zip(flow[::2], flow[1::2], strict=True)]
        running = {queue: jobs - delivered[queue] for queue, jobs in zip(self._queues, busy, strict=True)}
        yield _gauge("queue_running", "Jobs that run.", "queue", running)
        put_right = next(replies) or 0
        yield _counter("flow_put_right", "Counts of running jobs that were wrong and put right.", put_right)
        repairs = sum(int(n) for name, n in next(replies).items() if name.startswith(b"repaired "))
        yield _counter("jobs_repaired", "Repairs of jobs that were in no place.", repairs)
        yield from _archive(next(replies), next(replies))
        states = {name: next(replies) for name in resources}
        yield from _breakers(states)
        yield from _ended(run(self._client, self._ends.totals()))

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
            pipe.hmget(keys.flow, [f"{what} {queue}" for queue in self._queues for what in ("queue", "surplus")])
            pipe.hget(keys.recount, "put_right")
            pipe.hgetall(keys.sweep)
            pipe.hgetall(keys.archive)
            pipe.zcount(keys.forgetting, "-inf", time.time() * 1000)
            for name in resources:
                pipe.hget(keys.breaker(name), "state")
            return pipe.execute()


def _archive(noted: dict[bytes, bytes], overdue: int) -> Iterator[Metric]:
    for name, told in ((b"archived", "Jobs moved to the archive."), (b"lost", "Jobs lost for want of the archive.")):
        yield _counter(f"jobs_{text(name)}", told, noted.get(name, 0))
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


def _ended(totals: dict[Group, Ends]) -> Iterator[Metric]:
    """What has ended so far, by queue and kind: whoever the tenant is, so that there are no more series than kinds."""
    labels = ["queue", "kind"]
    jobs = CounterMetricFamily("backdesk_jobs_ended", "Jobs that ended.", labels=[*labels, "state"])
    tokens = CounterMetricFamily(
        "backdesk_tokens", "Tokens of models, in jobs that ended.", labels=[*labels, "direction"]
    )
    cost = CounterMetricFamily("backdesk_cost_usd", "Known costs of jobs that ended, in USD.", labels=labels)
    waits = HistogramMetricFamily(
        "backdesk_job_wait_seconds", "From when jobs were due to their first start.", labels=labels
    )
    runs = HistogramMetricFamily("backdesk_job_run_seconds", "How long attempts at a job ran, together.", labels=labels)
    for group, ends in sorted(totals.items()):
        for state, count in ends.states.items():
            jobs.add_metric([*group, state], count)
        for direction, spent in (("input", ends.input_tokens), ("output", ends.output_tokens)):
            tokens.add_metric([*group, direction], spent)
        cost.add_metric(group, ends.cost_usd)
        waits.add_metric(group, _buckets(ends.waits), ends.waits.sum_s)
        runs.add_metric(group, _buckets(ends.runs), ends.runs.sum_s)
    yield from (jobs, tokens, cost, waits, runs)


def _buckets(times: Times) -> list[tuple[str, float]]:
    return [("+Inf" if bound == inf else repr(bound), float(count)) for bound, count in times.cumulative()]


def _counter(name: str, help_text: str, value: Any) -> Metric:
    family = CounterMetricFamily(f"backdesk_{name}", help_text)
    family.add_metric([], float(value))
    return family


def _gauge(name: str, help_text: str, label: str, values: dict[Any, Any]) -> Metric:
    family = GaugeMetricFamily(f"backdesk_{name}", help_text, labels=[label] if label else [])
    for value, count in values.items():
        family.add_metric([str(value)] if label else [], float(count))
    return family
