"""The sweeper of blobs: what belongs to no job any more is forgotten. The elected worker's does it.

A blob is written before its job is, and goes after it: so one whose job Redis does not have is either about to get it,
or nobody's. Those that have stood so for BACKDESK_BLOB_ORPHAN_S are removed, whoever has left them: a job that was
forgotten, a producer that died before its submit, a submit that was refused.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import redis

from backdesk.worker.blobs.access import BlobAccess
from backdesk.worker.blobs.keys import tenant_of
from backdesk.worker.blobs.objects import Kept
from backdesk.worker.errors import BlobError
from backdesk.worker.process.periodic import Periodic, PeriodicService
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys

log = logging.getLogger(__name__)

#: Between two looks at all blobs, at most. Seconds.
SWEEP_EVERY_S = 600.0
#: Jobs that are asked for in one round trip.
PAGE = 500


class BlobSweeper(PeriodicService):
    """Forgets the blobs of jobs that are gone, while `leads` says that this worker is the elected one."""

    def __init__(
        self,
        client: redis.Redis,
        settings: Settings,
        leads: Callable[[], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        every_s = min(SWEEP_EVERY_S, settings.blob_orphan_s)
        super().__init__(Periodic("blob-sweeper", every_s, self.sweep, retry_s=settings.tick_s))
        self._client = client
        self._settings = settings
        self._leads = leads
        self._clock = clock
        self._keys = Keys(settings.prefix)
        self._blobs = BlobAccess(settings)

    def sweep(self) -> None:
        """Look at all blobs once, and note how much each tenant has. Idempotent. Does nothing while another leads."""
        if not self._leads():
            return
        try:
            owners = self._blobs.store.owners()
            gone = [owner for owner in self._old(owners) if self._leads()]
            for owner in gone:
                self._forget(owner)
            self._blobs.store.tidy()
            self._note({name: kept.bytes for name, kept in owners.items() if name not in gone})
        except BlobError as error:
            log.warning("blobs_not_swept", extra={"reason": str(error)})

    def _old(self, owners: dict[str, Kept]) -> Iterator[str]:
        """Give those whose job is gone, and has been for long enough."""
        before = self._clock() - self._settings.blob_orphan_s
        old = (owner for owner, kept in owners.items() if kept.at <= before)
        while page := [*islice(old, PAGE)]:
            yield from self._without_job(page)

    def _without_job(self, owners: Sequence[str]) -> Iterable[str]:
        with self._client.pipeline(transaction=False) as pipe:
            for owner in owners:
                pipe.hget(self._keys.job(owner.partition("/")[2]), "tenant")
            tenants = pipe.execute()
        for owner, tenant in zip(owners, tenants, strict=True):
            if tenant is None or tenant_of(text(tenant)) != owner.partition("/")[0]:
                yield owner

    def _forget(self, owner: str) -> None:
        """Forget what an owner has, unless it was written anew just now: its job is about to come."""
        if self._blobs.store.newest_of(owner) > self._clock() - self._settings.blob_orphan_s:
            return
        self._blobs.store.forget_owner(owner)
        log.info("blobs_forgotten", extra={"job_id": owner.partition("/")[2]})

    def _note(self, owners: dict[str, int]) -> None:
        """Write how many bytes each tenant has: what submits go by from then on."""
        names: Any = self._client.smembers(self._keys.tenants)
        known = {tenant_of(text(name)): text(name) for name in names}
        totals: dict[Any, Any] = {}
        for owner, size in owners.items():
            if name := known.get(owner.partition("/")[0]):
                totals[name] = totals.get(name, 0) + size
        with self._client.pipeline(transaction=True) as pipe:
            pipe.delete(self._keys.blobs)
            if totals:
                pipe.hset(self._keys.blobs, mapping=totals)
            pipe.execute()
