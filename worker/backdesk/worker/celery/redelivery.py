"""The return of deliveries that a worker cannot use: at once, so that another need not wait until they are missed."""

from __future__ import annotations

import logging

import redis
from redis.exceptions import RedisError

from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import run

log = logging.getLogger(__name__)


class Redelivery:
    """Gives deliveries back to the store."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client = client
        self._transitions = Transitions(settings)

    def give_back(self, job_id: str, unknown_kind: bool) -> None:
        """Leave a job to another worker, of an unknown kind, or too large, to one that can run it. Raises nothing."""
        try:
            run(self._client, self._transitions.redeliver(job_id, unknown_kind=unknown_kind))
        except RedisError as error:
            # It stays in the window, and is delivered again after a while.
            log.warning("delivery_not_given_back", extra={"job_id": job_id, "error": str(error)})
