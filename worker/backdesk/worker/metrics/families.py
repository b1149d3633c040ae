"""The figures of a deployment as families of Prometheus: the names, help texts and labels of `docs/metrics.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from backdesk.worker.memory.ends import Ends, Group, Times
from backdesk.worker.metrics.reading import Figures, Waiting
from backdesk.worker.model.health import WorkerFacts, reasons_against
from backdesk.worker.model.service import BreakerState

#: The numbers without labels, by their names without the prefix.
GAUGES = {
    "workers": "Live workers.",
    "leader": "1 while a worker is elected for the maintenance.",
    "leases": "Leases of jobs that run.",
    "leases_expired": "Leases that have run out, of jobs that are still to be taken back.",
    "limits_holding": "Limits of dispatch that hold somebody now.",
    "places_held": "Tenants, and kinds of tenants, that a limit of dispatch holds.",
    "pauses": "Kinds, queues, tenants and services that are paused.",
    "asks_open": "What jobs ask of people.",
    "asks_next_deadline_timestamp_seconds": "When the time of the most urgent of these is over, since 1970.",
    "schedules": "Schedules, those that are paused included.",
    "schedules_late": "Schedules that should have fired more than a minute ago.",
    "tenants": "Tenants that have jobs.",
    "store_full": "1 while Redis is so full that it takes no new jobs.",
    "jobs_overdue": "Jobs that are kept beyond their retention.",
    "archive_failing": "1 while the archive takes no jobs.",
}
COUNTERS = {
    "jobs_archived": "Jobs moved to the archive.",
    "jobs_lost": "Jobs lost for want of the archive.",
    "flow_put_right": "Counts of running jobs that were wrong and put right.",
    "jobs_repaired": "Repairs of jobs that were in no place.",
}


def families(figures: Figures) -> Iterator[Metric]:
    """Yield all families of a deployment."""
    for name, value in figures.plain.items():
        yield counter(name, COUNTERS[name], value) if name in COUNTERS else gauge(name, GAUGES[name], {"": value})
    yield gauge("jobs", "Jobs kept, by state.", figures.states, "state")
    yield gauge("queue_slots", "Slots of live workers.", figures.slots, "queue")
    yield gauge("queue_delivered", "Jobs delivered and not yet begun.", figures.delivered, "queue")
    yield gauge("queue_running", "Jobs that run.", figures.running, "queue")
    yield from _waiting(figures.waiting)
    yield from _workers(figures.workers)
    yield _breakers(figures.breakers)
    yield from _ended(figures.ended)


def gauge(name: str, help_text: str, values: Mapping[str, float], *labels: str) -> Metric:
    """Return a gauge, without a label or with one that the values are told by."""
    family = GaugeMetricFamily(f"backdesk_{name}", help_text, labels=labels)
    for value, number in values.items():
        family.add_metric([value] if labels else [], float(number))
    return family


def counter(name: str, help_text: str, value: float) -> Metric:
    """Return a counter without labels."""
    family = CounterMetricFamily(f"backdesk_{name}", help_text)
    family.add_metric([], value)
    return family


def _waiting(waiting: Mapping[Group, Waiting]) -> Iterator[Metric]:
    labels = ["queue", "kind"]
    queued = GaugeMetricFamily("backdesk_queued_jobs", "Jobs that are queued.", labels=labels)
    oldest = GaugeMetricFamily(
        "backdesk_queued_oldest_seconds", "How long the oldest of them is queued; 0 when there is none.", labels=labels
    )
    dead = GaugeMetricFamily("backdesk_dead_letters", "Jobs kept that failed for good.", labels=labels)
    for group, each in waiting.items():
        queued.add_metric(group, each.queued)
        oldest.add_metric(group, each.oldest_s)
        dead.add_metric(group, each.dead)
    yield from (queued, oldest, dead)


def _workers(workers: list[WorkerFacts]) -> Iterator[Metric]:
    yield gauge("worker_running", "Jobs that a worker runs.", {each.name: each.running for each in workers}, "worker")
    yield gauge(
        "worker_slots",
        "Jobs that a worker can run at once, of the queue with the most.",
        {each.name: max(each.slots.values(), default=0) for each in workers},
        "worker",
    )
    yield gauge(
        "worker_healthy",
        "1 while a worker has nothing to complain of.",
        {each.name: not reasons_against(each) for each in workers},
        "worker",
    )
    yield gauge(
        "worker_loop_lag_seconds",
        "How late the event loop of a worker answers.",
        {each.name: each.loop_lag_s for each in workers},
        "worker",
    )


def _breakers(breakers: Mapping[str, str]) -> Metric:
    family = GaugeMetricFamily(
        "backdesk_breaker_state",
        "1 for the state that a service's circuit breaker is in.",
        labels=["resource", "state"],
    )
    for name, now in breakers.items():
        for state in BreakerState:
            family.add_metric([name, state], float(state == now))
    return family


def _ended(totals: Mapping[Group, Ends]) -> Iterator[Metric]:
    """What has ended so far, by queue and kind: whoever the tenant is, so that there are no more series than kinds."""
    labels = ["queue", "kind"]
    jobs = CounterMetricFamily("backdesk_jobs_ended", "Jobs that ended.", labels=[*labels, "state"])
    retries = CounterMetricFamily(
        "backdesk_retries", "Attempts that failed and were followed by another.", labels=labels
    )
    lost = CounterMetricFamily("backdesk_attempts_lost", "Attempts whose worker was lost.", labels=labels)
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
        retries.add_metric(group, ends.retried)
        lost.add_metric(group, ends.lost)
        cost.add_metric(group, ends.cost_usd)
        waits.add_metric(group, _buckets(ends.waits), ends.waits.sum_s)
        runs.add_metric(group, _buckets(ends.runs), ends.runs.sum_s)
    yield from (jobs, retries, lost, tokens, cost, waits, runs)


def _buckets(times: Times) -> list[tuple[str, float]]:
    return [("+Inf" if bound == inf else repr(bound), float(count)) for bound, count in times.cumulative()]
