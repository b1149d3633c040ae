"""Following a job to its end, with an eye on whatever else must go on meanwhile."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

from backdesk.cli.output import Output
from backdesk.cli.views.progress import view_for
from backdesk.client import JobClient
from backdesk.client.blocking.watch import Watch
from backdesk.worker.model.events import JobEvent

#: How often the check runs while no event comes. Seconds.
CHECK_EVERY_S = 0.25

_END = object()


@contextmanager
def subscribed(client: JobClient, job_id: str, after: int = 0, deadline: float | None = None) -> Iterator[Watch]:
    """Watch a job from the beginning of the block on; `follow` reads it, and nobody else."""
    # Left open: it belongs to the thread that reads it, and closing it from here would race with that. It ends with
    # its last event, or with the client.
    yield ExitStack().enter_context(client.watch(job_id, after, deadline=deadline))


def follow(events: Iterable[JobEvent], out: Output | None, check: Callable[[], None] = lambda: None) -> None:
    """Show events as they come (None: only wait) until there are no more.

    `check` is called several times a second; what it raises ends the watch.
    """
    with view_for(out) as view:
        for event in overseen(events, check):
            view.show(event)


def overseen(events: Iterable[JobEvent], check: Callable[[], None]) -> Iterator[JobEvent]:
    """Hand on events that a thread waits for, so that a check, or Ctrl-C, need not wait for the next of them."""
    arrived: queue.SimpleQueue[object] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(events, arrived), daemon=True).start()
    while True:
        try:
            item = arrived.get(timeout=CHECK_EVERY_S)
        except queue.Empty:
            check()
            continue
        if item is _END:
            return
        if isinstance(item, BaseException):
            raise item
        if isinstance(item, JobEvent):
            yield item


def _read(events: Iterable[JobEvent], arrived: queue.SimpleQueue[object]) -> None:
    try:
        for event in events:
            arrived.put(event)
        arrived.put(_END)
    except BaseException as error:  # noqa: BLE001 - it is raised again where the events are read
        arrived.put(error)
