"""The watchdog of the consuming thread: a worker that is connected and takes nothing has to connect again.

Two things show it: deliveries stand in the worker's lists while it has free slots and takes none, or Celery's loop does
not turn. That loop shares its thread with everything else that Celery does on sockets; one that is half-open holds it
until a time-out, and a mistake in the transport's bookkeeping holds it for ever.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress
from types import FrameType

import redis
from redis.connection import AbstractConnection

from backdesk.worker.celery.consumer import Consumer
from backdesk.worker.process.periodic import Periodic, PeriodicService
from backdesk.worker.process.thread_stack import frame_of, stack_text

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
#: Looks in a row that must show it: a worker that is merely busy takes something, or turns, in between.
PATIENCE = 3


class Watchdog(PeriodicService):
    """Watches the consuming thread of one worker."""

    def __init__(self, consumer: Consumer, client: redis.Redis) -> None:
        super().__init__(Periodic("watchdog", LOOK_EVERY_S, self.look))
        self._consumer = consumer
        self._client = client
        self._seen = (-1, -1)
        self._idle_looks = 0
        self._since = 0.0
        self._held_by: socket.socket | None = None

    @property
    def consuming(self) -> bool:
        """Whether nothing speaks against it."""
        return self._idle_looks < PATIENCE

    def stop(self) -> None:
        """Stop. Idempotent."""
        super().stop()
        self._client.close()

    def look(self) -> None:
        """Look once; heal when it has looked wrong for long enough, and again as long as it does."""
        if not self._consumer.at_work:
            self._note_health()
            return
        seen, self._seen = self._seen, (self._consumer.pulse.turns, self._consumer.pulse.taken)
        turned, taken = self._seen[0] != seen[0], self._seen[1] != seen[1]
        try:
            waiting = self._deliveries_that_wait()
        except BaseException:
            self._idle_looks = 0  # while Redis is away nobody consumes
            raise
        if taken or (turned and not waiting):
            self._note_health()
            return
        self._idle_looks += 1
        if self._idle_looks % PATIENCE == 0:
            self._report(waiting)
            self._consumer.reconnect()
        if not turned:
            self._free_the_thread()

    def _deliveries_that_wait(self) -> int:
        """How many stand in the lists of this worker, as far as it could take them."""
        with self._client.pipeline(transaction=False) as pipe:
            for queue in self._consumer.app.amqp.queues.consume_from:
                pipe.llen(queue)
            waiting = sum(pipe.execute())
        return waiting if self._consumer.free_slots > 0 else 0

    def _note_health(self) -> None:
        if not self.consuming:
            log.warning("consuming_again", extra={"after_s": round(time.monotonic() - self._since, 1)})
        self._idle_looks, self._held_by = 0, None

    def _report(self, waiting: int) -> None:
        if self._idle_looks == PATIENCE:
            self._since = time.monotonic()
        doing = stack_text(frame_of(threading.main_thread()))
        facts = {"deliveries_waiting": waiting, "free_slots": self._consumer.free_slots, "stack": doing}
        log.error("not_consuming", extra=facts)

    def _free_the_thread(self) -> None:
        """End its wait on a socket on which it has waited since the last look: Redis has just answered us at once."""
        before, self._held_by = self._held_by, _socket_in(frame_of(threading.main_thread()))
        if self._held_by is not None and self._held_by is before and not self.consuming:
            with suppress(OSError):
                self._held_by.shutdown(socket.SHUT_RDWR)


def _socket_in(frame: FrameType | None) -> socket.socket | None:
    """Return the socket of the Redis connection on which a thread waits, None when it waits for something else."""
    while frame is not None:
        connection = frame.f_locals.get("self")
        if isinstance(connection, AbstractConnection):
            held_by: socket.socket | None = getattr(connection, "_sock", None)
            return held_by
        frame = frame.f_back
    return None
