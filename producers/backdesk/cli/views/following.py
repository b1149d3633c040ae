"""Following a job to its end, with an eye on whatever else must go on meanwhile."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from backdesk.cli.output import Output
from backdesk.cli.views.progress import view_for
from backdesk.client import JobClient
from backdesk.client.blocking.watch import Watch
from backdesk.worker.model.asks import AskType
from backdesk.worker.model.events import EventType, JobEvent

#: How often the check runs while no event comes. Seconds.
CHECK_EVERY_S = 0.25

_END = object()


#: Called jobs that are followed at once beside the one that is watched, those that they call included.
MOST_CHILDREN = 8


class Watched:
    """The events of one job, and on demand those of the jobs that it calls."""

    def __init__(self, client: JobClient, watch: Watch) -> None:
        self._client = client
        self._watch = watch

    def __iter__(self) -> Iterator[JobEvent]:
        return iter(self._watch)

    def child(self, job_id: str) -> Iterable[JobEvent]:
        """Return the events of another job; nothing is missed, however late they are read."""
        return self._client.watch(job_id)


@contextmanager
def subscribed(client: JobClient, job_id: str, after: int = 0, deadline: float | None = None) -> Iterator[Watched]:
    """Watch a job from the beginning of the block on; `follow` reads it, and nobody else."""
    # Left open: it belongs to the thread that reads it, and closing it from here would race with that. It ends with
    # its last event, or with the client.
    yield Watched(client, ExitStack().enter_context(client.watch(job_id, after, deadline=deadline)))


def follow(events: Watched, out: Output | None, check: Callable[[], None] = lambda: None) -> None:
    """Show events as they come (None: only wait) until there are no more.

    `check` is called several times a second; what it raises ends the watch.
    """
    with view_for(out) as view:
        for event in overseen(events, check, events.child if view.shows_children else None):
            view.show(event)


def overseen(
    events: Iterable[JobEvent],
    check: Callable[[], None],
    child: Callable[[str], Iterable[JobEvent]] | None = None,
) -> Iterator[JobEvent]:
    """Hand on events that a thread waits for, so that a check, or Ctrl-C, need not wait for the next of them.

    With `child`, which returns the events of a job that was called, some of those come between them.
    """
    arrived: queue.SimpleQueue[object] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(events, arrived), daemon=True).start()
    followed: set[str] = set()
    ended = 0
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
            ended += item.terminal and item.job_id in followed
            for job_id in _called(item) if child is not None else ():
                if job_id not in followed and len(followed) - ended < MOST_CHILDREN:
                    followed.add(job_id)
                    threading.Thread(target=_read_beside, args=(child, job_id, arrived), daemon=True).start()
            yield item


def _read(events: Iterable[JobEvent], arrived: queue.SimpleQueue[object]) -> None:
    try:
        for event in events:
            arrived.put(event)
        arrived.put(_END)
    except BaseException as error:  # noqa: BLE001 - it is raised again where the events are read
        arrived.put(error)


def _read_beside(child: Callable[[str], Iterable[JobEvent]], job_id: str, arrived: queue.SimpleQueue[object]) -> None:
    # Shown besides: what keeps it from being read is told by the job that waits for it.
    with suppress(Exception):
        for event in child(job_id):
            arrived.put(event)


def _called(event: JobEvent) -> Iterator[str]:
    """Yield the jobs that an event says its job waits for."""
    asks = event.data.get("for") if event.type == EventType.WAITING else None
    for ask in asks if isinstance(asks, list) else ():
        facts = ask.get("facts") if isinstance(ask, dict) and ask.get("type") == AskType.CHILD else None
        if isinstance(facts, dict) and isinstance(job_id := facts.get("job_id"), str):
            yield job_id
