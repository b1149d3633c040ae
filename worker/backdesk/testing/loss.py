"""How a worker dies at an exact moment: in place of one of its writes, by which nobody learns what it has done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from backdesk.worker.model.job import Claim
from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.signature import Argument

T = TypeVar("T")

#: What an attempt writes in a certain order: what it remembers, and in the end how it has ended.
WRITES = frozenset({"remember", "checkpoint", "finish", "park", "wait"})


class MortalTransitions(Transitions):
    """Transitions of a worker that may be doomed. What it writes after its death is really sent, and refused."""

    def __init__(self, settings: Settings, clock: Callable[[], int], take_back: Callable[[str], None]) -> None:
        super().__init__(settings, clock)
        self._take_back = take_back
        self._doomed = ""
        self._left = 0

    def doom(self, job_id: str, after: int) -> None:
        """Have the worker of this job die once it has written `after` times."""
        self._doomed, self._left = job_id, after

    def spare(self) -> bool:
        """Doom nobody any more; gives whether the one that was is still alive."""
        alive, self._doomed = bool(self._doomed), ""
        return alive

    def _of(
        self, claim: Claim, script: str, read: Callable[[Any], T], items: Iterable[Any] = (), /, **arguments: Argument
    ) -> Call[T]:
        if claim.job_id == self._doomed and script in WRITES:
            self._left -= 1
            if self._left < 0:
                self._doomed = ""
                self._take_back(claim.job_id)
        return super()._of(claim, script, read, items, **arguments)
