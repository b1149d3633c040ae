"""One round trip of the writer: calls that are made together, and what has become of each."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.store.backlog import Pending
from backdesk.worker.store.connection import is_outage
from backdesk.worker.store.wire import NOT_YET, Wire, WouldWait


class RoundTrip:
    """Calls on their way to Redis, each made once. It begins with `go_on`, and ends when that says so, or by `end`."""

    def __init__(self, wire: Wire, batch: Sequence[Pending], *, waits: bool) -> None:
        self._batch = batch
        self._answers = wire.answers([each.call for each in batch], waits=waits)
        self._undone = dict(enumerate(batch))
        #: Why some are undone.
        self.reason: Exception | None = None

    @property
    def made(self) -> list[Pending]:
        """The calls whose answers, or errors, were told to who waits for them."""
        return [pending for number, pending in enumerate(self._batch) if number not in self._undone]

    @property
    def undone(self) -> list[Pending]:
        """The other calls, in their order: they are to be made again."""
        return list(self._undone.values())

    def go_on(self) -> bool:
        """Tell who waits what has come, and return whether it is over: always, for one that waits.

        Who waits is told as the answers come, and goes on while Redis is at the next.
        """
        try:
            for number, answer in self._answers:
                if number == NOT_YET:
                    return False
                if isinstance(answer, Exception) and is_outage(answer):
                    self.reason = self.reason or answer
                else:
                    self._settle(number, answer)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers; the writer must live
            if isinstance(error, WouldWait) or is_outage(error):
                self.reason = self.reason or error
            else:
                self.abandon(error)
        return True

    def end(self) -> None:
        """End it where it is; does nothing when it is over."""
        self._answers.close()
        if self._undone and self.reason is None:
            self.reason = StoreUnavailable("Redis has not answered in time")

    def abandon(self, error: Exception) -> None:
        """Tell all who wait still that their calls come to an error."""
        for number in [*self._undone]:
            self._settle(number, error)

    def _settle(self, number: int, answer: Any) -> None:
        future: Future[Any] = self._undone[number].future
        with suppress(InvalidStateError):  # whoever waited has left; the call was made all the same
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        # Last: one that is interrupted here is made again rather than lost.
        del self._undone[number]
