"""How far a watcher of a job has come: who joins late misses nothing, and nobody sees anything twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backdesk.worker.model.events import JobEvent

#: While the channel is silent the log is read this often, in seconds: a message can be lost, an entry cannot.
LOG_EVERY_S = 5.0


class Cursor:
    """The place in a job's events. It only decides what to hand on."""

    def __init__(self, after: int) -> None:
        self._last = (after, 0)
        self.done = False

    @property
    def seq(self) -> int:
        """The number beyond which to read the log: before the last one, whose place another may have taken."""
        return max(self._last[0] - 1, 0)

    def follows(self, event: JobEvent) -> bool:
        """Whether an event from the channel is the next one; one further ahead means that the log must be read."""
        return event.seq <= self._last[0] + 1 and not self.seen(event)

    def seen(self, event: JobEvent) -> bool:
        """Whether an event was handed on before."""
        return (event.seq, event.replaced) <= self._last

    def take(self, events: Iterable[JobEvent]) -> Iterator[JobEvent]:
        """Hand on events in order, without those seen before, and stop after the terminal one."""
        for event in events:
            if self.done or self.seen(event):
                continue
            self._last = (event.seq, event.replaced)
            self.done = event.terminal
            yield event
