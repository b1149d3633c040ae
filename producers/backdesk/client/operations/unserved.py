"""Queued jobs that nobody is there to run, and those that workers have given back because none knows their kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.lines import Line
from backdesk.client.operations.live_workers import LiveWorkers
from backdesk.client.operations.operation import Commands, Operation

#: How many jobs there are, by queue and kind.
Places = Counter[tuple[str, str]]


class UnservedJobs(BaseModel):
    """Queued jobs of a queue that no live worker reads, or of a kind that none runs in it. `kind` None is all kinds."""

    model_config = ConfigDict(frozen=True)

    queue: str
    kind: str | None
    jobs: int


def read_stranded(core: JobOperations) -> Operation[Places]:
    """Return how many jobs workers have given back; they stand in no line until their kind is announced again."""
    contracts = yield from core.kinds()
    sizes = yield Commands([("ZCARD", core.keys.stranded(contract.kind)) for contract in contracts])
    return Counter(
        {(contract.queue, contract.kind): size for contract, size in zip(contracts, sizes, strict=True) if size}
    )


def unserved(
    workers: LiveWorkers, queued: Mapping[str, int], lines: Sequence[Line], stranded: Places
) -> list[UnservedJobs]:
    """Return what nobody runs, by name, given how many jobs are queued in each queue, and where they stand."""
    places = Counter(stranded)
    for line in lines:
        places[line.queue, line.kind] += line.waiting
    of_queues = [
        UnservedJobs(queue=queue, kind=None, jobs=jobs)
        for queue, jobs in queued.items()
        if jobs and queue not in workers.queues
    ]
    of_kinds = [
        UnservedJobs(queue=queue, kind=kind, jobs=jobs)
        for (queue, kind), jobs in sorted(places.items())
        if workers.lack(queue, kind) == "kind"
    ]
    return [*of_queues, *of_kinds]
