"""Starts one attempt at a job the way a Celery pool does: in a thread of its own."""

from __future__ import annotations

import contextvars
import threading
from concurrent.futures import Future

from backdesk.worker.attempt.executor import execute
from backdesk.worker.attempt.registry import TaskSpec
from backdesk.worker.model.job import Outcome
from backdesk.worker.process.state import WorkerProcess


def begin(process: WorkerProcess, spec: TaskSpec, job_id: str, worker: str) -> Future[Outcome | None]:
    """Start an attempt; the future gets its outcome, as `execute` returns it, or what `execute` raised.

    Never in the main thread: there, a body that does not stop in time costs its worker the process.
    """
    outcome: Future[Outcome | None] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            outcome.set_result(context.run(execute, process, spec, job_id, worker))
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            outcome.set_exception(error)

    threading.Thread(target=run, name=f"backdesk-attempt-{job_id}", daemon=True).start()
    return outcome
