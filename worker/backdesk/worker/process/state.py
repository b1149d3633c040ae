"""The parts of a process that runs jobs: the writer, the leases, the loop. One set a process, never forked."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Mapping

from backdesk.worker.memory.calls import MemoryCalls
from backdesk.worker.memory.webhook_secrets import webhook_keys_of
from backdesk.worker.model.contract import RequestCheck
from backdesk.worker.model.job import Claim
from backdesk.worker.process.event_loop import ProcessLoop
from backdesk.worker.process.leases import LeaseKeeper, renewal_timeout_s
from backdesk.worker.process.loop_guard import LoopGuard
from backdesk.worker.process.progress import AttemptProgress
from backdesk.worker.process.texts import Texts
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect
from backdesk.worker.store.deployment import SystemCalls
from backdesk.worker.store.durability import Durability
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.services import Reservations
from backdesk.worker.store.spending import SpendingCalls
from backdesk.worker.store.writer import StoreWriter
from backdesk.worker.submit.blob_access import blobs_of


class WorkerProcess:
    """The parts that every attempt in this process shares. `clock` gives ms in tests; by default Redis does."""

    def __init__(
        self,
        settings: Settings,
        checks: Mapping[str, RequestCheck] | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.settings = settings
        #: Checks of the kinds that this process knows itself, for child jobs.
        self.checks = checks or {}
        #: Set when the worker is ending: nothing more is begun.
        self.draining = False
        #: Claims that came with deliveries, by job, until their attempts begin.
        self.claims: dict[str, Claim] = {}
        self.transitions = Transitions(settings, clock)
        self.spending = SpendingCalls(settings, clock)
        self.service_calls = Reservations(settings, clock)
        self.memory = MemoryCalls(settings, clock)
        self.webhook_keys = webhook_keys_of(settings)
        self.blobs = blobs_of(settings)
        self.deployment = SystemCalls(settings, clock)
        self.loop = ProcessLoop()
        self.guard = LoopGuard(self.loop, settings.lease_s)
        writer_client = connect(settings.url, settings.socket_timeout_s, "writer")
        self.writer = StoreWriter(writer_client, self.loop, settings.socket_timeout_s)
        self.texts = Texts(self.writer, self.transitions)
        self.durability = Durability(settings.url, settings.durable_wait_s, settings.socket_timeout_s)
        # A client of its own: a renewal must not wait behind a long batch of the writer.
        lease_client = connect(settings.url, renewal_timeout_s(settings), "leases")
        self.leases = LeaseKeeper(lease_client, self.transitions, settings, self.loop)

    def progress(self, claim: Claim) -> AttemptProgress:
        """Return the sink for the events of an attempt."""
        return AttemptProgress(claim, self.writer, self.transitions, self.settings, self.loop, texts=self.texts)

    def close(self) -> None:
        """Write what is pending and stop the threads. Idempotent."""
        self.blobs.close()
        self.writer.close()
        self.durability.close()
        self.leases.close()
        self.guard.stop()
        self.loop.stop()


_lock = threading.Lock()
_held: tuple[int, WorkerProcess] | None = None


def current_process(settings: Settings, checks: Mapping[str, RequestCheck] | None = None) -> WorkerProcess:
    """Return this process's parts, made on first use; a forked child makes its own."""
    global _held  # noqa: PLW0603 - a process has one, and Celery gives its tasks no place to keep it
    if _held is None or _held[0] != os.getpid():
        with _lock:
            if _held is None or _held[0] != os.getpid():
                # Everything imported so far lives as long as the process; scanning it again and again costs a third
                # of the CPU of a loop with hundreds of agents.
                gc.freeze()
                gc.set_threshold(50_000, 20, 50)
                process = WorkerProcess(settings, checks)
                process.guard.start()
                _held = (os.getpid(), process)
    return _held[1]


def held_process() -> WorkerProcess | None:
    """Return this process's parts, None as long as it has run no job."""
    return _held[1] if _held is not None and _held[0] == os.getpid() else None


def close_current_process() -> None:
    """Close this process's parts, if it has any. Idempotent."""
    global _held  # noqa: PLW0603 - see current_process
    if _held is not None and _held[0] == os.getpid():
        _held[1].close()
    _held = None
