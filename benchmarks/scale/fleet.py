"""A fleet that exists in calls only: its workers announce themselves, claim what is delivered, and end it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import Any, TypeVar

import redis

from backdesk.worker.model.job import Claim, Succeeded, Usage
from backdesk.worker.settings import Settings, celery_queue
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import run, run_pipelined

T = TypeVar("T")

QUEUE, KIND = "agents", "bench.noop"
SLOTS_A_WORKER = 16
#: How long an announcement holds. No clock runs against the fleet.
TTL_MS = 86_400_000
#: Calls in one round trip.
BATCH = 100


class Fleet:
    """So many workers of 16 slots each."""

    def __init__(self, client: redis.Redis, settings: Settings, workers: int) -> None:
        self._client = client
        self._transitions = Transitions(settings)
        self._deliveries = celery_queue(settings.prefix, QUEUE)
        self._names = [f"worker-{number}" for number in range(workers)]
        self._tokens = count()

    def announce(self, *, leaving: bool = False) -> None:
        """Announce each worker once, or take its announcement back."""
        for name in self._names:
            facts = {"name": name, "queues": [QUEUE], "kinds": [KIND], "slots": {QUEUE: SLOTS_A_WORKER}}
            run(self._client, self._transitions.announce(name, 0 if leaving else TTL_MS, facts))

    def claim(self, most: int) -> list[Claim]:
        """Claim what is delivered, at most so many."""
        return [claim for ids in in_batches(self._delivered(most)) for claim in self._claimed(ids)]

    def end(self, claims: Iterable[Claim]) -> None:
        """End the attempts well."""
        for some in in_batches(claims):
            run_pipelined(self._client, [self._transitions.end(claim, Succeeded(b"{}"), Usage()) for claim in some])

    def work(self, jobs: int) -> int:
        """Claim and end until so many jobs are done or nothing is delivered; gives how many were."""
        done = 0
        while done < jobs and (claims := self.claim(min(BATCH, jobs - done))):
            self.end(claims)
            done += len(claims)
        return done

    def _claimed(self, ids: Iterable[str]) -> Iterator[Claim]:
        calls = [
            self._transitions.claim(job_id, self._names[token % len(self._names)], f"token-{token}")
            for job_id, token in zip(ids, self._tokens, strict=False)
        ]
        return (claim for claim in run_pipelined(self._client, calls) if isinstance(claim, Claim))

    def _delivered(self, most: int) -> Iterator[str]:
        messages: Any = self._client.rpop(self._deliveries, most)
        for message in messages or ():
            yield json.loads(message)["properties"]["correlation_id"]


def in_batches(items: Iterable[T]) -> Iterator[list[T]]:
    """The items, as many at a time as go into one round trip."""
    left = iter(items)
    while batch := list(islice(left, BATCH)):
        yield batch
