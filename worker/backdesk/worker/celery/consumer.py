"""The consumer of deliveries: what becomes of a message before Celery makes a task of it.

The queues hold deliveries, "job J is ready for you", and are consumed without acknowledgement: the job store is the
truth, so Celery's unacked bookkeeping, its restore and its duplicates take no part, and cost nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty
from typing import Any

from billiard.exceptions import WorkerLostError
from celery.bootsteps import RUN
from celery.concurrency.thread import TaskPool as ThreadPool
from celery.exceptions import TaskRevokedError
from celery.signals import task_revoked
from celery.worker import state
from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.request import Request

from backdesk.worker.attempt.slot import give_up
from backdesk.worker.celery.gathering import Gathering
from backdesk.worker.celery.messages import DELIVERY_HEADERS, SLOTS_HEADER
from backdesk.worker.celery.patches import decode_item
from backdesk.worker.celery.pool import LoopPool
from backdesk.worker.process.state import held_process
from backdesk.worker.store.connection import explained
from backdesk.worker.store.groups import MOST_JOINED
from backdesk.worker.text.json import excerpt

log = logging.getLogger(__name__)

#: Messages taken in one round trip, at most.
READ_AT_ONCE = 64
#: The pause before connecting again grows by this much to that much; Celery's own grows to half a minute. Seconds.
RECONNECT_STEP_S, RECONNECT_MOST_S = 0.2, 1.0
REFUSED_PAUSE_S = 0.5
OUTAGE_LOG_EVERY_S = 5.0
_KEPT_HEADERS = DELIVERY_HEADERS | {SLOTS_HEADER}


def _nothing(*_args: object, **_kwargs: object) -> None:
    """Stand in for ack and reject: the queues are consumed without acknowledgement."""


def is_watched(eventer: Any) -> bool:
    """Whether somebody, such as Flower, has this worker send events of its tasks."""
    return bool(eventer and eventer.enabled and (not eventer.groups or "task" in eventer.groups))


class JobRequest(Request):
    """Celery's request, except that a lost child is no failure of the job: its lease runs out and it runs again."""

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:
        """Called in the worker's main process when the pool reports anything but success."""
        error = getattr(exc_info.exception, "exc", exc_info.exception)  # it may come wrapped with its traceback
        if isinstance(error, WorkerLostError):
            state.task_ready(self)
            log.warning("child_lost", extra={"job_id": self.id, "reason": str(error)})
            return None
        return super().on_failure(exc_info, *args, **kwargs)

    @property
    def told_at_once(self) -> bool:
        """Whether to tell Celery of its end is a matter of memory: nobody waits for a result, a link or an event."""
        return bool(self.ignore_result) and not self._payload[2] and not is_watched(self.eventer)

    def terminate(self, pool: Any, signal: Any = None) -> None:
        """Have the job cancelled, which ends its child if need be. Celery asks for it when a stamp is revoked."""
        task_revoked.send(sender=self.task, request=self._context, terminated=True, signum=signal, expired=False)


@dataclass(slots=True)
class Pulse:
    """Signs of life of the consuming thread; moments by `time.monotonic()`."""

    turned_at: float
    turns: int = 0
    taken: int = 0
    taken_at: float | None = None

    def turn(self) -> None:
        """Celery's loop has turned."""
        self.turns += 1
        self.turned_at = time.monotonic()

    def take(self) -> None:
        """A message was taken from a queue."""
        self.taken += 1
        self.taken_at = time.monotonic()


class Consumer(CeleryConsumer):
    """Celery's consumer, except that no message can stop it: a malformed one is logged and dropped."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._full = False
        self._quiet_until = 0.0
        self.pulse = Pulse(time.monotonic())
        #: Called with the id of a job whose delivery is of no use here, and whether its kind is none of this worker's.
        #: Set when the worker is ready.
        self.give_back: Callable[[str, bool], object] = _nothing
        specs = {kind: getattr(task, "spec", None) for kind, task in self.app.tasks.items()}
        self.gathering = Gathering({kind: spec.slots for kind, spec in specs.items() if spec})
        if isinstance(self.pool, ThreadPool):
            self.on_task_request = self._run_in_process
            if isinstance(self.pool, LoopPool):
                self.pool.turnover = self
            else:
                _start_threads(self.pool.executor, self.pool.limit)

    def register_with_event_loop(self, hub: Any) -> None:
        """Called at each new connection."""
        super().register_with_event_loop(hub)
        hub.on_tick.add(self.pulse.turn)
        hub.on_tick.add(self._begin_kept)
        # Celery counts jobs, not what they take.
        qos = self.task_consumer.channel.qos
        may_consume = qos.can_consume
        qos.can_consume = lambda: self.free_slots > 0 and may_consume()

    @property
    def at_work(self) -> bool:
        """Whether this worker should be consuming: it is connected, and has not been told to stop."""
        # The exit code of a good end is 0: only None and False mean that none was asked for.
        ending = any(asked is not None and asked is not False for asked in (state.should_stop, state.should_terminate))
        return self.blueprint.state == RUN and self.connection is not None and not ending

    def reconnect(self) -> None:
        """Have the consuming thread give up its connection and make a new one. Safe to call from any thread."""
        self.hub.call_soon(partial(self._lose, self.connection))

    def _lose(self, connection: Any) -> None:
        if connection is not None and connection is self.connection:  # else it has been lost meanwhile
            raise ConnectionResetError("given up, because nothing came of it")

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, however long it takes, and within a second of Redis being there."""
        steps = {
            "interval_start": RECONNECT_STEP_S,
            "interval_step": RECONNECT_STEP_S,
            "interval_max": RECONNECT_MOST_S,
        }
        conn.ensure_connection(self._report_outage, None, callback=state.maybe_shutdown, **steps)
        self.first_connection_attempt = False
        return conn

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Called when a server that lets us in refuses us its queues: it is asked again soon, not in a tight loop."""
        self._report_outage(exc, REFUSED_PAUSE_S)
        time.sleep(REFUSED_PAUSE_S)

    def _report_outage(self, error: Exception, _pause_s: float) -> None:
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + OUTAGE_LOG_EVERY_S
            log.warning("redis_unavailable", extra={"task_name": "consumer", "error": explained(error)})

    def _run_in_process(self, request: Any) -> None:
        """Give a task to a pool of this process, and look for the next message as soon as its slot is free.

        With late reading (`worker_disable_prefetch`) a full worker stops reading, and Celery looks again when something
        happens on a socket: for want of acknowledgements nothing would, for up to a second.
        """
        try:
            result = request.execute_using_pool(self.pool)
        except TaskRevokedError:
            return
        except BaseException:
            state.task_ready(request)
            raise
        # Set before the callback can run: a task that ends in between finds the flag, or Celery, which looks at the
        # free slots before it sleeps, finds the slot.
        self._full = self.free_slots <= 0
        result.f.add_done_callback(partial(self._slot_free, request))

    def _slot_free(self, request: Any, done: Future[Any]) -> None:
        # Celery forgets the request only if its own callback got through; an error there would cost the slot for ever.
        state.task_ready(request)
        if (error := done.exception()) is not None:
            log.error("task_left_by_error", extra={"job_id": request.id, "reason": repr(error)})
        if self._full and self._unused_slots > 0 and self.hub is not None:
            self._full = False
            self.hub.call_soon(self._refill)

    def create_task_handler(self, promise: Any = None) -> Callable[[Any], None]:
        """Return what is called for each message that Celery reads."""

        def on_task_received(message: Any) -> None:
            queue = (message.delivery_info or {}).get("routing_key")
            # Read first, so that what becomes of all of them happens together.
            more = [*self._read(message.channel, queue, self.free_slots - 1)]
            for each in (message, *more):
                self._try(each)

        return on_task_received

    def _try(self, message: Any, handle: Callable[[Any], None] | None = None) -> None:
        self.pulse.take()
        try:
            (handle or self._handle)(message)
        except Exception as error:
            log.exception("message_dropped", extra={"reason": repr(error), "message_body": excerpt(message.body)})

    def _read(self, channel: Any, queue: Any, most: int) -> Iterator[Any]:
        """Take so many messages of a queue at most, in one round trip.

        Celery reads one message a turn of its loop, which takes longer than everything else that it does for a task; a
        worker with hundreds of slots would fill them slowly.
        """
        if most <= 0 or not isinstance(queue, str) or queue not in self.app.amqp.queues.consume_from:
            return
        for item in channel.client.execute_command("RPOP", queue, min(most, READ_AT_ONCE)) or ():
            with suppress(Empty):
                yield self._message(channel, item)

    def _refill(self) -> None:
        """Fill slots that are free again, without another turn of Celery's loop; called in its thread.

        Not while kombu waits for a message, which needs the connection and a slot. Of several queues kombu chooses one,
        each in its turn.
        """
        tasks = self.task_consumer
        queue = self._only_queue
        if queue is not None:
            waiting = tasks.channel._in_poll  # noqa: SLF001 - kombu says it nowhere else
            for message in [*self._read(tasks.channel, queue, 0 if waiting else self.free_slots)]:
                self._try(message)

    @property
    def _only_queue(self) -> str | None:
        """The queue from which this worker is to take deliveries now; None when there are several, or none."""
        tasks = self.task_consumer
        queues = tasks.queues if self.at_work and tasks else []
        return queues[0].name if len(queues) == 1 and tasks.consuming_from(queues[0]) else None

    def wants_next(self) -> bool:
        """Whether the slot of an attempt that ends now is taken at once by the job that is next in its queue.

        Not while slots are gathered, or jobs take several, nor where there are to be fewer slots. Nor with so many that
        as many ends and claims wait together as one script takes: deliveries are read all at once there, for less.
        """
        gathers = self.gathering.first is not None or self.gathering.surplus > 0
        few = self.slots <= MOST_JOINED and self._unused_slots >= 0
        return few and not gathers and self._only_queue is not None

    def take_over(self, delivery: bytes, claimed: str | None) -> None:
        """Begin the job of a message that came with the end of another one; called on the event loop.

        One that is not `claimed` is for the consuming thread, as any delivery.
        """
        tasks, process = self.task_consumer, held_process()
        with suppress(Empty):
            if tasks is not None and tasks.channel is not None:
                message = self._message(tasks.channel, delivery)
                if claimed is None:
                    self.hub.call_soon(partial(self._try, message))
                else:
                    self._try(message, partial(self._handle, begin=self._begin))
        if claimed is not None and process is not None:
            give_up(process, claimed)

    @staticmethod
    def _message(channel: Any, item: bytes) -> Any:
        """Return an item of a queue's list as kombu would; raises Empty for what is no message."""
        return channel.Message(decode_item(item.decode(errors="replace")), channel=channel)

    @property
    def slots(self) -> int:
        """How many jobs this worker runs at once, at most; none when its pool has ended."""
        try:
            return int(getattr(self.controller, "max_concurrency", None) or self.pool.num_processes)
        except AttributeError:  # what a prefork pool says once it has ended
            return 0

    @property
    def free_slots(self) -> int:
        """How many more jobs it could take right now; none while it gathers slots for one in hand."""
        return 0 if self.gathering.first else self._unused_slots

    @property
    def lacking_slots(self) -> int:
        """How many more slots it would need, to run what it has in hand beside what it runs."""
        demand = self.gathering.demand
        return max(demand - self._unused_slots, 0) if demand else 0

    @property
    def _unused_slots(self) -> int:
        return self.slots - len(state.reserved_requests) - self.gathering.surplus

    def _handle(self, message: Any, begin: Callable[[Any], None] | None = None) -> None:
        headers = message.headers
        if not isinstance(headers, dict) or not all(isinstance(headers.get(key), str) for key in ("id", "task")):
            log.error(
                "message_dropped",
                extra={"reason": "no id or task", "message_body": excerpt(message.body)},
            )
            return
        strategy = self.strategies.get(headers["task"])
        if strategy is None:
            # A rolling deploy: the job stays queued until a worker that knows its kind is there.
            log.warning("kind_not_known_here", extra={"job_id": headers["id"], "kind": headers["task"]})
            self.give_back(headers["id"], True)
            return
        message.headers = {name: value for name, value in headers.items() if name in _KEPT_HEADERS}
        (begin or self._gather)(message)

    def _gather(self, message: Any) -> None:
        """Begin a task if there are slots for it, and find out what becomes of it if not."""
        slots = self.gathering.slots_of(message)
        if slots > self.slots:
            self._refuse(message)
        elif self.gathering.first is None and slots <= self._unused_slots:
            self._begin(message)
        elif slots > 1 and self.gathering.passes_on():
            self.give_back(message.headers["id"], False)
        else:
            self.gathering.keep(message)
            self._full = True

    def _begin(self, message: Any) -> None:
        self.gathering.take(message.headers["id"], self.gathering.slots_of(message))
        self.strategies[message.headers["task"]](message, None, _nothing, _nothing, self.on_task_message)

    def _refuse(self, message: Any) -> None:
        job_id, kind = message.headers["id"], message.headers["task"]
        slots = self.gathering.slots_of(message)
        log.warning("job_too_large_here", extra={"job_id": job_id, "kind": kind, "slots": slots})
        self.give_back(job_id, True)

    def _begin_kept(self) -> None:
        """Begin the tasks in hand for which there are slots by now; called at each turn of Celery's loop."""
        while (message := self.gathering.first) is not None:
            slots = self.gathering.slots_of(message)
            if self._unused_slots < slots <= self.slots:
                self._full = True
                return
            self.gathering.release(message)
            self._try(message, self._begin if slots <= self.slots else self._refuse)
            self.hub.call_soon(_nothing)  # there may be room for others by now


def _start_threads(executor: ThreadPoolExecutor, count: int) -> None:
    """Have the pool make all its threads now: to make them one by one in a burst takes longer than the burst's work."""
    together = threading.Barrier(count)
    wait([executor.submit(together.wait) for _ in range(count)])
