"""What a worker does besides running jobs, from the moment it is ready until it stops."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from redis.exceptions import RedisError

from worker.connection import connect
from worker.intake import Intake
from worker.maintenance import Maintenance
from worker.presence import Presence
from worker.settings import Settings, celery_queue
from worker.task import TaskSpec

log = logging.getLogger(__name__)


class Housekeeping:
    """Presence, maintenance and intake of one worker, started and stopped together."""

    def __init__(
        self, presence: Presence, maintenance: Maintenance, intake: Intake, kinds: Mapping[str, TaskSpec]
    ) -> None:
        self._presence = presence
        self._maintenance = maintenance
        self._intake = intake
        self._kinds = kinds

    @classmethod
    def of(cls, consumer: Any, settings: Settings, kinds: Mapping[str, TaskSpec]) -> Housekeeping:
        """Build it for a Celery consumer that is ready."""
        name = consumer.hostname
        timeout_s = settings.socket_timeout_s

        def slots() -> dict[str, int]:
            names = {celery_queue(settings.prefix, queue): queue for queue in settings.queues}
            consumed = consumer.app.amqp.queues.consume_from
            return {names[queue]: consumer.slots for queue in consumed if queue in names}

        maintenance = Maintenance(name, connect(settings.url, timeout_s), settings)
        intake = Intake(connect(settings.url, timeout_s), settings, consumer.app, kinds, lambda: maintenance.leads)
        return cls(Presence(name, connect(settings.url, timeout_s), settings, slots), maintenance, intake, kinds)

    def start(self) -> None:
        """Start all parts."""
        self._presence.start(self._kinds)
        self._maintenance.start()
        self._intake.start()
        log.info("worker_ready", extra={"kinds": sorted(self._kinds)})

    def stop(self) -> None:
        """Stop all parts and withdraw the worker's announcement. Idempotent."""
        self._intake.stop()
        self._maintenance.stop()
        try:
            self._presence.stop()
        except RedisError as error:
            log.warning("announcement_left_to_expire", extra={"error": str(error)})
