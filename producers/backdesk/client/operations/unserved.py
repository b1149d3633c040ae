"""Queued jobs that nobody is there to run, and those that workers have passed on because they could not run them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.lines import Line
from backdesk.client.operations.live_workers import LiveWorkers
from backdesk.client.operations.operation import Commands, Operation
from backdesk.worker.model.job import Unserved
from backdesk.worker.model.version import Stranding
from backdesk.worker.store.calls import text

#: How many jobs there are, by queue and what they need of a worker.
Places = Counter[tuple[str, Stranding]]


class UnservedJobs(BaseModel):
    """Queued jobs that no live worker can run, for lack of what. `kind` None is all kinds of the queue.

    `slots` are those that were said of the jobs, None where they take those of their kind.

    With a `version`, it is the one that has begun them, and no live worker may go on from there; nor may one begin them
    anew that are `committed`: they have begun what must not be done twice.
    """

    model_config = ConfigDict(frozen=True)

    queue: str
    kind: str | None
    lack: Unserved
    slots: int | None = None
    version: str | None = None
    committed: bool = False
    jobs: int


def read_stranded(core: JobOperations) -> Operation[Places]:
    """Return how many jobs workers have passed on; they stand in no line until a worker comes that can run them."""
    queues = {contract.kind: contract.queue for contract in (yield from core.kinds())}
    (names,) = yield Commands([("SMEMBERS", core.keys.strandings)])
    sizes = yield Commands([("ZCARD", core.keys.stranded(text(name))) for name in names])
    needs = [Stranding.read(text(name)) for name in names]
    return Counter({(queues.get(need.kind, ""), need): size for need, size in zip(needs, sizes, strict=True) if size})


def unserved(
    workers: LiveWorkers, queued: Mapping[str, int], lines: Sequence[Line], stranded: Places
) -> list[UnservedJobs]:
    """Return what nobody runs, by name, given how many jobs are queued in each queue, and where they stand."""
    places = Counter(stranded)
    for line in lines:
        places[line.queue, Stranding(line.kind, line.slots)] += line.waiting
    of_queues = [
        UnservedJobs(queue=queue, kind=None, lack="queue", jobs=jobs)
        for queue, jobs in queued.items()
        if jobs and queue not in workers.queues
    ]
    lacking = Counter[tuple[str, Stranding, Unserved]]()
    for (queue, need), jobs in places.items():
        lack = workers.lack(queue, need)
        if lack == "version":
            lacking[queue, need, lack] += jobs
        elif lack in {"kind", "slots"}:
            lacking[queue, Stranding(need.kind, need.slots if lack == "slots" else None), lack] += jobs
    of_kinds = [
        UnservedJobs(
            queue=queue,
            kind=need.kind,
            slots=need.slots,
            version=need.version or None,
            committed=need.committed,
            lack=lack,
            jobs=jobs,
        )
        for (queue, need, lack), jobs in sorted(lacking.items(), key=_by_name)
    ]
    return [*of_queues, *of_kinds]


def _by_name(lacking: tuple[tuple[str, Stranding, Unserved], int]) -> tuple[str, str, int, str, bool, str]:
    (queue, need, lack), _ = lacking
    return queue, need.kind, need.slots or 0, need.version, need.committed, lack
