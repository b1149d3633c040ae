"""Celery's revoke, as Flower and plain Celery clients send it: it cancels the job.

Celery itself kills the child that runs the task, and has each worker discard deliveries of that id from then on: to the
job store that is a job whose worker was lost and that nobody takes any more.
"""

from __future__ import annotations

import logging
from typing import Any

import redis
from celery.signals import task_revoked
from celery.utils.functional import maybe_list
from celery.worker import state as celery_state
from celery.worker.control import Panel
from redis.exceptions import RedisError

from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import run

log = logging.getLogger(__name__)

REASON = "revoked through Celery"


class Revocation:
    """Cancels the jobs that are revoked. Each worker hears of each revocation; all but the first change nothing."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client = client
        self._transitions = Transitions(settings)

    def install(self) -> None:
        """Put it in the place of Celery's commands, in a worker's main process."""
        for name in ("revoke", "terminate"):
            Panel.register(name=name, variadic="task_id", signature="[id1 [id2 [... [idN]]]]")(self.revoke)
        task_revoked.connect(self._on_discarded, weak=False)

    def revoke(self, _state: Any, task_id: Any, **_how: Any) -> dict[str, str]:
        """Cancel jobs, by one id or several: at once, or a running one within seconds, with its child if need be.

        An id that is not known yet, as of a message that is still to be taken in, is cancelled when it is delivered.
        Raises RedisError, which is the reply then.
        """
        ids = [each for each in maybe_list(task_id) or [] if isinstance(each, str)]
        celery_state.revoked.update(each for each in ids if not self._cancel(each))
        return {"ok": f"revoked: {', '.join(ids)}"}

    def _cancel(self, job_id: str) -> str:
        """Return the state that the job is in now, "" if unknown."""
        _, state = run(self._client, self._transitions.cancel(job_id, REASON))
        return state

    def _on_discarded(self, request: Any, **_: Any) -> None:
        try:
            self._cancel(request.id)
        except RedisError as error:
            # It stays in the window, is delivered again after a while, and discarded again.
            log.warning("revoked_not_cancelled", extra={"job_id": request.id, "error": str(error)})
