"""Several worker processes beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from backdesk.worker.store.keys import Keys
from benchmarks.child import Child
from benchmarks.contender import BACKDESK, PREFIX
from benchmarks.rounds import Server


@contextmanager
def fleet(server: Server, workers: int, slots: int, environment: Mapping[str, str]) -> Iterator[Child]:
    """Run so many workers with so many slots each, all ready when the block begins; gives one of them to wait with.

    They are killed when it ends: a worker that ends well would wait for its jobs.
    """
    slots_key = Keys(PREFIX).slots
    with ExitStack() as stack:
        children = [
            stack.enter_context(Child([*BACKDESK.worker(slots), "-n", f"bench-{n}@%h"], environment))
            for n in range(workers)
        ]
        children[0].wait_until(lambda: int(server.client.hget(slots_key, "agents") or 0) == workers * slots)
        yield children[0]
        for child in children:
            child.kill()
