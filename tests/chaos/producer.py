"""Who submits the orders, through every outage: what was not acknowledged is submitted again under the same id."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from backdesk.worker.errors import JobNotFound, NotCancellable, StoreUnavailable
from tests.chaos.orders import Order

PAUSE_S = 0.1


class Desk(Protocol):
    """Where orders are handed in. Both methods raise StoreUnavailable when nobody knows whether it worked."""

    def submit(self, order: Order) -> None: ...
    def cancel(self, job_id: str) -> None: ...


class Producer:
    """Hands in each order at its time, in a thread. `acknowledged` is what it was told is there."""

    def __init__(self, desk: Desk, orders: Sequence[Order]) -> None:
        self._desk = desk
        self._orders = orders
        self._cancels: list[tuple[float, str]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.acknowledged: set[str] = set()
        #: Handed in and never acknowledged, when the run ended: it may be there or not.
        self.unknown: set[str] = set()
        self.repeats = 0
        self.error: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def finish(self, patience_s: float) -> None:
        """Hand in what is left, and stop; raises what has stopped it earlier."""
        self._thread.join(patience_s)
        self._stop.set()
        self._thread.join()
        if self.error:
            raise self.error

    def _run(self) -> None:
        try:
            began = time.monotonic()
            for order in self._orders:
                self._wait_until(began + order.at_s)
                self._submit(order)
            while self._cancels and not self._stop.is_set():
                self._wait_until(self._cancels[0][0])
        except Exception as error:  # noqa: BLE001 - raised by finish
            self.error = error

    def _wait_until(self, moment: float) -> None:
        """Wait, and withdraw meanwhile what is to be withdrawn."""
        while not self._stop.is_set():
            now = time.monotonic()
            while self._cancels and self._cancels[0][0] <= now:
                self._cancel(heapq.heappop(self._cancels)[1])
            if now >= moment:
                return
            self._stop.wait(min(PAUSE_S, moment - now))

    def _submit(self, order: Order) -> None:
        while not self._stop.is_set():
            self.unknown.add(order.job_id)
            try:
                self._desk.submit(order)
            except StoreUnavailable:
                self.repeats += 1
                self._stop.wait(PAUSE_S)
                continue
            self.unknown.discard(order.job_id)
            self.acknowledged.add(order.job_id)
            if order.cancel_after_s is not None:
                heapq.heappush(self._cancels, (time.monotonic() + order.cancel_after_s, order.job_id))
            return

    def _cancel(self, job_id: str) -> None:
        try:
            self._desk.cancel(job_id)
        except StoreUnavailable:
            heapq.heappush(self._cancels, (time.monotonic() + PAUSE_S, job_id))
        except (NotCancellable, JobNotFound):
            return  # it was quicker; that a job is lost is for the checks to say
