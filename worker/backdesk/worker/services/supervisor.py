"""The supervisor of all that a worker does besides running jobs, from the moment it is ready until it stops."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol

from redis.exceptions import RedisError

from backdesk.worker.address import NO_BLOBS
from backdesk.worker.attempt.registry import TaskSpec
from backdesk.worker.celery.consumer import Consumer
from backdesk.worker.celery.gathering import Gathering
from backdesk.worker.celery.intake import Intake
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.process.periodic import PeriodicService
from backdesk.worker.services.archiver import Archiver
from backdesk.worker.services.blob_sweeper import BlobSweeper
from backdesk.worker.services.maintenance import Maintenance
from backdesk.worker.services.masker import Masker
from backdesk.worker.services.packer import Packer
from backdesk.worker.services.presence import Presence
from backdesk.worker.services.probes import FileProbe, HttpProbe
from backdesk.worker.services.scheduler import Scheduler
from backdesk.worker.services.watchdog import Watchdog
from backdesk.worker.services.webhook_relay import WebhookRelay
from backdesk.worker.services.worker_facts import FactSource
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect
from backdesk.worker.store.upkeep import Announced

log = logging.getLogger(__name__)

#: The watchdog must itself find out soon that its connection is dead, and that it is Redis that is slow. Seconds.
WATCHDOG_TIMEOUT_S = 0.5


class Part(Protocol):
    """Something that runs beside the jobs."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Supervisor:
    """All that one worker does besides jobs, from presence to probes, started and stopped together."""

    def __init__(self, presence: Presence, facts: FactSource, parts: list[Part], kinds: Mapping[str, TaskSpec]) -> None:
        self._presence = presence
        self._facts = facts
        self._parts = parts
        self._kinds = kinds

    @classmethod
    def of(cls, consumer: Consumer, settings: Settings, kinds: Mapping[str, TaskSpec]) -> Supervisor:
        """Build it for a Celery consumer that is ready."""
        name, timeout_s = consumer.hostname, settings.socket_timeout_s
        watchdog = Watchdog(consumer, connect(settings.url, min(timeout_s, WATCHDOG_TIMEOUT_S), "watchdog"))
        facts = FactSource(consumer, watchdog, settings, kinds)
        connected = partial(connect, settings.url, timeout_s)
        presence = Presence(name, connected("presence"), settings, facts, partial(_heard, facts, consumer.gathering))
        consumer.gathering.changed = presence.announce_soon
        maintenance = Maintenance(name, connected("maintenance"), settings)
        intake = Intake(connected("intake"), settings, consumer.app, kinds, lambda: maintenance.leads)
        scheduler = Scheduler(connected("scheduler"), settings, kinds, lambda: maintenance.leads)
        packer = Packer(connected("packer"), settings, lambda: maintenance.leads)
        relay = WebhookRelay(connected("webhooks"), settings, lambda: maintenance.leads)
        prompt: list[PeriodicService] = [intake, scheduler, packer, relay]
        if settings.blobs_url != NO_BLOBS:
            prompt.append(BlobSweeper(connected("blobs"), settings, lambda: maintenance.leads))
        maintenance.on_elected = partial(_hurry, prompt)
        parts: list[Part] = [maintenance, *prompt, watchdog, *_probes(settings, facts)]
        if settings.archive_url:
            parts.append(Archiver(connected("archiver"), settings, lambda: maintenance.leads))
        if settings.mask_requests:
            parts.append(Masker(connected("masker"), settings, lambda: maintenance.leads))
        return cls(presence, facts, parts, kinds)

    def start(self) -> None:
        """Start all parts."""
        self._presence.start(self._kinds)
        for part in self._parts:
            part.start()
        log.info("worker_ready", extra={"kinds": sorted(self._kinds)})

    def announce_end(self) -> None:
        """Tell everybody that this worker ends its jobs and takes no more."""
        self._facts.note_draining()
        try:
            self._presence.announce()
        except RedisError as error:
            log.warning("draining_not_announced", extra={"error": str(error)})

    def stop(self) -> None:
        """Stop all parts and withdraw the worker's announcement. Idempotent."""
        for part in reversed(self._parts):
            part.stop()
        try:
            self._presence.stop()
        except RedisError as error:
            log.warning("announcement_left_to_expire", extra={"error": str(error)})


def _heard(facts: FactSource, gathering: Gathering, heard: Announced) -> None:
    facts.note_store_reached()
    gathering.alone = heard.alive <= 1
    gathering.drop(heard.withdrawn)


def _hurry(services: Iterable[PeriodicService]) -> None:
    for service in services:
        service.hurry()


def _probes(settings: Settings, facts: Callable[[], WorkerFacts]) -> list[Part]:
    probes: list[Part] = []
    if settings.health_file:
        probes.append(FileProbe(settings.health_file, facts))
    if settings.health_port:
        from backdesk.worker.services.metrics import Metrics  # noqa: PLC0415 - 2 MB, for a worker with a port only

        try:
            metrics = Metrics(connect(settings.url, settings.socket_timeout_s, "metrics"), settings)
            probes.append(HttpProbe(settings.health_host, settings.health_port, facts, metrics.render))
        except OSError as error:
            # A worker without its port is reported as ill by whoever asks there; it need not be without work.
            log.error("health_port_not_opened", extra={"port": settings.health_port, "error": str(error)})  # noqa: TRY400 - the error says it all
    return probes
