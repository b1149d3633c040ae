"""Whether anybody is there to run a job: a live worker that reads its queue and knows its kind.

Read from what the last announcement of a worker has left, in the round trip of whoever asks: a worker that was killed
counts until its announcement expires.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

from backdesk.client.operations.operation import Command
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.model.job import Unserved
from backdesk.worker.model.version import SIZE, TOO_LARGE, Stranding
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys


class LiveWorkers:
    """The queues that live workers read, and what they can run. Those that take no more jobs do not count.

    They offer kinds, and with `kind:version` to go on with jobs that others have begun.
    """

    def __init__(self, queues: Iterable[str], offers: Iterable[str]) -> None:
        self.queues, self._offers = frozenset(queues), frozenset(offers)

    @staticmethod
    def commands(keys: Keys) -> list[Command]:
        """Return what is to be asked of Redis; `read` takes the answers."""
        return [("ZREVRANGE", keys.workers, 0, 0, "WITHSCORES"), ("HKEYS", keys.slots), ("HKEYS", keys.served)]

    @classmethod
    def read(cls, replies: Sequence[Any], now_ms: int) -> Self:
        """Return it by the answers and the time of Redis."""
        longest, queues, offers = replies
        if not longest or float(longest[0][1]) <= now_ms:  # nobody is left to clear away what the last has announced
            return cls((), ())
        return cls(map(text, queues), map(text, offers))

    @classmethod
    def of(cls, workers: Iterable[WorkerFacts]) -> Self:
        """Return it by what live workers tell of themselves."""
        staying = [worker for worker in workers if not worker.draining]
        return cls(
            (queue for each in staying for queue in each.slots),
            (offer for each in staying for offer in (*each.kinds, *each.versions, *_sizes(each))),
        )

    def _largest(self, queue: str) -> int:
        sizes = (offer.rpartition(SIZE) for offer in self._offers)
        return max((int(slots) for name, sign, slots in sizes if sign and slots and name == queue), default=0)

    def lack(self, queue: str, need: Stranding) -> Unserved | None:
        """Return what is missing for jobs that need this of a worker, in a queue; None when they can be run."""
        if queue not in self.queues:
            return "queue"
        too_large = f"{need.kind}:{TOO_LARGE}" in self._offers
        if need.kind not in self._offers and not too_large:
            return "kind"
        if need.slots > self._largest(queue) if need.slots else need.kind not in self._offers:
            return "slots"
        return None if need.fitting & self._offers else "version"


def _sizes(worker: WorkerFacts) -> Iterator[str]:
    return (f"{queue}{SIZE}{slots}" for queue, slots in worker.slots.items())
