"""Celery's revoke, as Flower and plain Celery clients send it: it cancels the job.

Celery itself kills the child that runs the task, and has each worker discard deliveries of that id from then on: to the
job store that is a job whose worker was lost and that nobody takes any more.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import redis
from celery.signals import task_revoked
from celery.utils.functional import maybe_list
from celery.worker import state as celery_state
from celery.worker.control import Panel
from redis.exceptions import RedisError

from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import run_pipelined

log = logging.getLogger(__name__)

REASON = "revoked through Celery"


class Revocation:
    """Cancels the jobs that are revoked. Each worker hears of each revocation; all but the first change nothing."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client = client
        self._transitions = Transitions(settings)

    def install(self) -> None:
        """Put it in the place of Celery's commands, in a worker's main process."""
        Panel.data.update(revoke=self.revoke, terminate=self.revoke)
        task_revoked.connect(self.cancel_revoked, weak=False)

    def revoke(self, _state: Any, task_id: Any, **_how: Any) -> dict[str, str]:
        """Cancel jobs, by one id or several: at once, or a running one within seconds, with its child if need be.

        One that is not a job yet, or cannot be cancelled now, is cancelled when it is delivered to this worker, within
        the three hours for which Celery remembers. Raises RedisError, which is the reply then.
        """
        ids = [each for each in maybe_list(task_id) or [] if isinstance(each, str)]
        celery_state.revoked.update(ids)
        self._cancel(ids)
        return {"ok": f"revoked: {', '.join(ids)}"}

    def cancel_revoked(self, request: Any, **_: Any) -> None:
        """Cancel the job of a delivery that Celery discards, or of a task that it ends by a stamp. Raises nothing."""
        try:
            self._cancel([request.id])
        except RedisError as error:
            # It stays in the window, is delivered again after a while, and discarded again.
            log.warning("revoked_not_cancelled", extra={"job_id": request.id, "error": str(error)})

    def _cancel(self, ids: Sequence[str]) -> None:
        calls = [self._transitions.cancel(job_id, REASON) for job_id in ids]
        for answer in run_pipelined(self._client, calls):
            if isinstance(answer, Exception):
                raise answer
