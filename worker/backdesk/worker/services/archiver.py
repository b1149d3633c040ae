"""The archiver: jobs that Redis is to forget go to the archive first. The elected worker's does it.

They are copied, committed, and only then forgotten. Where that is broken off, or two workers believe to be elected, a
job is copied again, in the place of the copy before; one that was replayed meanwhile stays until the next time. While
the archive is away nothing is forgotten here: maintenance prunes what BACKDESK_ARCHIVE_PATIENCE_S was too short for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import redis

from backdesk.worker.errors import ArchiveUnavailable, ConfigurationError
from backdesk.worker.process.periodic import Periodic, PeriodicService
from backdesk.worker.services.day_copier import DayCopier
from backdesk.worker.services.masker import forget_request
from backdesk.worker.settings import Settings
from backdesk.worker.store.archive import Archive, open_archive
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.refusal import answered
from backdesk.worker.store.remains import Remains, archived, commands_for, masked_remains, remains_of
from backdesk.worker.store.scripts import run
from backdesk.worker.store.upkeep import BATCH, Retired, UpkeepCalls
from backdesk.worker.submit.blob_access import blobs_of

log = logging.getLogger(__name__)

#: Batches of one tick, and jobs that are expired in one; the rest waits for the next tick.
MAX_ROUNDS = 50
EXPIRED_AT_ONCE = 1000
#: Entries of logs and ledgers that are read in one round trip, about, so that a worker has room for them.
ENTRIES_AT_ONCE = 2000
#: A job that the archive refuses is left aside for this long, so that it holds up no other; so many at once. Seconds.
ASIDE_S = 600.0
MOST_ASIDE = 1000
#: While the archive is away it is told this often. Seconds.
TOLD_EVERY_S = 60.0
_DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)


class Archiver(PeriodicService):
    """Moves jobs to the archive while `leads` says that this worker is the elected one. `clock` gives ms in tests."""

    def __init__(
        self,
        client: redis.Redis,
        settings: Settings,
        leads: Callable[[], bool],
        archive: Archive | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        # A thread of its own: a database that does not answer holds up no other maintenance.
        super().__init__(Periodic("archiver", settings.tick_s, self.tick))
        self._client = client
        self._settings = settings
        self._leads = leads
        self._archive = archive
        self._clock = clock
        self._keys = Keys(settings.prefix)
        self._calls = UpkeepCalls(settings, clock)
        self._blobs = blobs_of(settings)
        self._days = DayCopier(client, settings)
        #: Jobs that were refused, with the monotonic time at which they are tried again.
        self._aside: dict[str, float] = {}
        self._quiet_until = 0.0

    def stop(self) -> None:
        """Stop. Idempotent."""
        super().stop()
        if self._archive is not None:
            self._archive.close()

    def tick(self) -> None:
        """Move what is due, `BATCH * MAX_ROUNDS` jobs at most, and have the archive forget what is old. Idempotent."""
        if not self._leads():
            return
        try:
            archive = self._archive = self._archive or open_archive(self._settings)
            archive.prepare()
            for _ in range(MAX_ROUNDS):
                if not self._leads() or self._round(archive) < BATCH:
                    break
            self._days.copy(archive, self._now_ms())
            archive.expire(self._now_ms() - self._settings.archive_keep_days * _DAY_MS, EXPIRED_AT_ONCE)
        except (ArchiveUnavailable, ConfigurationError) as error:
            self._tell_of(error)

    def _round(self, archive: Archive) -> int:
        """Move one batch; returns how many jobs were due."""
        now_ms = self._now_ms()
        ids = self._due(now_ms)
        for part in self._parts(ids):
            self._move(archive, self._read(part), now_ms)
        return len(ids)

    def _due(self, now_ms: int) -> list[str]:
        """Return the jobs that have been due longest, but for those that are left aside."""
        now_s = time.monotonic()
        self._aside = {job_id: until_s for job_id, until_s in self._aside.items() if until_s > now_s}
        most = BATCH + len(self._aside)
        found: Any = self._client.zrangebyscore(self._keys.forgetting, "-inf", now_ms, start=0, num=most)
        return [job_id for job_id in map(text, found) if job_id not in self._aside][:BATCH]

    def _parts(self, ids: Sequence[str]) -> Iterator[list[str]]:
        """Divide jobs into as many as can be held in memory at once."""
        with self._client.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.llen(self._keys.events(job_id))
                pipe.hlen(self._keys.ledger(job_id))
            counts = [count if isinstance(count, int) else 0 for count in pipe.execute(raise_on_error=False)]
        part, entries = list[str](), 0
        for job_id, its in zip(ids, map(sum, zip(counts[::2], counts[1::2], strict=True)), strict=True):
            if part and entries + its > ENTRIES_AT_ONCE:
                yield part
                part, entries = [], 0
            part.append(job_id)
            entries += its
        if part:
            yield part

    def _read(self, ids: Sequence[str]) -> dict[str, Remains]:
        """Return what there is of jobs. One whose record is no record is left aside."""
        commands = [commands_for(self._keys, job_id) for job_id in ids]
        with self._client.pipeline(transaction=False) as pipe:
            for command in (each for its in commands for each in its):
                pipe.execute_command(*command)
            replies = iter(pipe.execute(raise_on_error=False))
        found = {}
        for job_id, its in zip(ids, commands, strict=True):
            record, *rest = [answered(next(replies)) for _ in its]
            if isinstance(record, Exception):
                self._leave_aside(job_id, record)
            else:
                found[job_id] = remains_of([record, *(None if isinstance(each, Exception) else each for each in rest)])
        return found

    def _move(self, archive: Archive, found: Mapping[str, Remains], now_ms: int) -> None:
        kept = self._keep(archive, {job_id: its for job_id, its in found.items() if its.fields}, now_ms)
        gone = [job_id for job_id, its in found.items() if not its.fields]
        retired = [Retired(job_id, found[job_id].value("replayed_as")) for job_id in (*kept, *gone)]
        run(self._client, self._calls.retire(retired))
        if kept and (dropped := self._dropped(kept)):
            archive.drop(dropped)

    def _keep(self, archive: Archive, found: Mapping[str, Remains], now_ms: int) -> list[str]:
        """Copy jobs, and return those that are copied: all of them, unless some are refused."""
        if not found:
            return []
        try:
            masks = self._settings.mask_requests
            if masks:
                for its in found.values():
                    forget_request(self._blobs, its.fields)
            kept = {job_id: masked_remains(its) if masks else its for job_id, its in found.items()}
            archive.keep([archived(job_id, its, now_ms) for job_id, its in kept.items()])
        except ArchiveUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one job, the others must not wait for it
            if len(found) > 1:
                return [kept for each in found.items() for kept in self._keep(archive, dict([each]), now_ms)]
            self._leave_aside(next(iter(found)), error)
            return []
        return [*found]

    def _dropped(self, job_ids: Sequence[str]) -> list[str]:
        """Return those of the jobs that somebody has dropped meanwhile, perhaps before they were copied."""
        known = self._client.smismember(self._keys.dropped, [*job_ids])
        return [job_id for job_id, dropped in zip(job_ids, known, strict=True) if dropped]

    def _leave_aside(self, job_id: str, error: Exception) -> None:
        log.warning("job_not_archived", extra={"job_id": job_id, "error": f"{type(error).__name__}: {error}"})
        if len(self._aside) < MOST_ASIDE:
            self._aside[job_id] = time.monotonic() + ASIDE_S

    def _tell_of(self, error: Exception) -> None:
        self._client.hset(self._keys.archive, mapping={"error": str(error), "failed_at": str(self._now_ms())})
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + TOLD_EVERY_S
            log.error("archive_unavailable", extra={"error": str(error)})

    def _now_ms(self) -> int:
        if self._clock is not None:
            return self._clock()
        seconds, micros = self._client.time()
        return int(seconds) * 1000 + int(micros) // 1000
