"""What must outlive the server: waits until a write is in its append-only file on disk, and at a replica if it has any.

A server answers before that, and may forget what it has answered when it is killed or replaced by a replica. To wait
is slow, up to a second with `appendfsync everysec`, so it is asked for by the few writes that need it. All that come
while one wait lasts share the next one. Thread and connection are begun with the first.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.store.attempts import Kept
from backdesk.worker.store.connection import connect, explained, is_outage
from backdesk.worker.store.scripts import Call, queue_calls

log = logging.getLogger(__name__)

#: How long to wait before a server that is away is asked again. Seconds.
PAUSE_S = 0.5
#: Said by a server that has no append-only file, or is older than Redis 7.2 and has no such command.
_NOTHING_TO_WAIT_FOR = re.compile("unknown command|appendonly is disabled")


class Durability:
    """Waits for writes, for at most `wait_s` each on the disk and on a replica."""

    def __init__(self, url: str, wait_s: float, socket_timeout_s: float) -> None:
        self._client = connect(url, 2 * wait_s + socket_timeout_s, "durability")
        self._wait_ms = round(wait_s * 1000)
        self._waiting: list[tuple[Call[Kept], Future[Kept]]] = []
        self._wake = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def confirm(self, written: Call[Kept]) -> Future[Kept]:
        """Say whether a write is kept, which the call makes once more. While the server is away it is asked again."""
        future: Future[Kept] = Future()
        with self._wake:
            if self._closing:
                raise StoreUnavailable("this worker process is closing")
            self._waiting.append((written, future))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="backdesk-durability", daemon=True)
                self._thread.start()
            self._wake.notify()
        return future

    def close(self, timeout_s: float = 1.0) -> None:
        """Stop; what is still waited for is unknown. Idempotent."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(timeout_s)
        self._client.close()

    def _run(self) -> None:
        while batch := self._next_batch():
            answers = self._answers([call for call, _ in batch])
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.set_running_or_notify_cancel():
                    future.set_result(answer)

    def _next_batch(self) -> list[tuple[Call[Kept], Future[Kept]]]:
        with self._wake:
            self._wake.wait_for(lambda: self._waiting or self._closing)
            batch, self._waiting = self._waiting, []
            return batch

    def _answers(self, calls: Sequence[Call[Kept]]) -> list[Kept]:
        while True:
            try:
                return self._ask(calls)
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody knows then, and the thread must live
                log.warning("not_confirmed", extra={"reason": explained(error)})
                if not is_outage(error) or self._pause():
                    return [Kept.UNKNOWN] * len(calls)

    def _ask(self, calls: Sequence[Call[Kept]]) -> list[Kept]:
        """Write all of them once more, and wait on the same connection: the server waits for what that has written."""
        replicas = self._client.info("replication")["connected_slaves"]
        with self._client.pipeline(transaction=False) as pipe:
            loaded = queue_calls(pipe, calls)
            pipe.execute_command("WAITAOF", 1, 0, self._wait_ms)
            if replicas:
                pipe.execute_command("WAIT", 1, self._wait_ms)
            answers = pipe.execute(raise_on_error=False)[loaded:]
        written, waited = answers[: len(calls)], answers[len(calls) :]
        if error := next((each for each in written if isinstance(each, Exception)), None):
            raise error
        kept = all(_in_time(each) for each in waited)
        at_best = Kept.YES if kept else Kept.UNKNOWN
        return [min(call.read(answer), at_best) for call, answer in zip(calls, written, strict=True)]

    def _pause(self) -> bool:
        """Wait; gives whether the process is closing."""
        with self._wake:
            return self._wake.wait_for(lambda: self._closing, PAUSE_S)


def _in_time(answer: Any) -> bool:
    """Whether a wait has come to its end, or there is nothing to wait for; raises any other error."""
    if isinstance(answer, Exception):
        if _NOTHING_TO_WAIT_FOR.search(str(answer)):
            return True
        raise answer
    return int(answer[0] if isinstance(answer, list) else answer) > 0
