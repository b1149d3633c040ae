"""The sweeper of blobs: what belongs to nobody any more is forgotten. The elected worker's does it.

A blob is written before its job is, and goes after it: so one whose job neither Redis nor the archive has is either
about to get it, or nobody's. Those that have stood so for BACKDESK_BLOB_ORPHAN_S are removed, whoever has left them: a
job that was forgotten, a producer that died before its submit, a submit that was refused.

It goes page by page, at a bounded rate, and how far it has come is kept in Redis, so that whoever is elected next goes
on there. It sees nothing but what this deployment has written; a Redis that was emptied is another deployment. One that
was put back to a former state is told by the number of its sweeps, and nothing is removed then.

Parts of a blob that is not whole go sooner, when the job has ended that was to go on with them: one that is cancelled
while it waits has no attempt that could do so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, cast

import redis

from backdesk.worker.address import NO_BLOBS
from backdesk.worker.blobs.keys import is_part, owner_in, tenant_of
from backdesk.worker.blobs.objects import Kept, by_owner
from backdesk.worker.errors import BlobError
from backdesk.worker.process.periodic import Periodic, PeriodicService
from backdesk.worker.services.blob_owners import BlobOwners, Standing
from backdesk.worker.settings import Settings
from backdesk.worker.store.archive import Archive
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.keys.tally import SWEEP_NUMBER
from backdesk.worker.submit.blob_access import blobs_of

if TYPE_CHECKING:
    from backdesk.worker.blobs.store import BlobStore

log = logging.getLogger(__name__)

#: Between two sweeps, at most. Seconds.
SWEEP_EVERY_S = 600.0
#: Blobs that are looked at in one round, and the pause after it, in seconds: 2,000 a second at most.
PAGE = 5_000
PAUSE_S = 2.5
_NUMBER, _AFTER = SWEEP_NUMBER.encode(), b"after"


class BlobSweeper(PeriodicService):
    """Forgets the blobs of jobs that are gone, while `leads` says that this worker is the elected one."""

    def __init__(
        self,
        client: redis.Redis,
        settings: Settings,
        leads: Callable[[], bool],
        archive: Archive | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        every_s = min(SWEEP_EVERY_S, settings.blob_orphan_s)
        super().__init__(Periodic("blob-sweeper", every_s, self.tick, retry_s=settings.tick_s))
        self._client = client
        self._settings = settings
        self._leads = leads
        self._clock = clock
        self._keys = Keys(settings.prefix)
        self._blobs = blobs_of(settings)
        self._owners = BlobOwners(client, settings, archive)
        #: Names of tenants by what stands for them among the blobs.
        self._names: dict[str, str] = {}

    def stop(self) -> None:
        """Stop. Idempotent."""
        super().stop()
        self._owners.close()

    def tick(self) -> float | None:
        """Look at one page of blobs, the first of a sweep where none is under way. Does nothing while another leads.

        Gives in how many seconds to go on; None when the sweep is through.
        """
        if not self._leads() or self._settings.blobs_url == NO_BLOBS:
            return None
        try:
            return PAUSE_S if self._goes_on(self._store()) else None
        except BlobError as error:
            log.warning("blobs_not_swept", extra={"reason": str(error)})
            return None

    def _store(self) -> BlobStore:
        """Return the store; another one when Redis was emptied, and is another deployment since."""
        its = cast("bytes | None", self._client.get(self._keys.identity))
        if its is None or text(its) != self._blobs.store.deployment:
            self._blobs = blobs_of(self._settings)
        return self._blobs.store

    def _goes_on(self, store: BlobStore) -> bool:
        state = cast("dict[bytes, bytes]", self._client.hgetall(self._keys.blobs_sweep))
        number = int(state.get(_NUMBER, 0))
        noted = store.check_sweeps(number)
        after = text(state.get(_AFTER, b""))
        if not after:
            self._begin(store, max(number, noted) + 1)
        page = store.page(after, PAGE)
        self._look_at(store, page)
        if len(page) == PAGE:
            self._client.hset(self._keys.blobs_sweep, _AFTER, page[-1].key)
            return True
        self._end(store)
        return False

    def _begin(self, store: BlobStore, number: int) -> None:
        with self._client.pipeline(transaction=True) as pipe:
            pipe.unlink(self._keys.blobs_counted)
            pipe.hset(self._keys.blobs_sweep, _NUMBER, number)
            pipe.execute()
        store.note_sweep(number)

    def _end(self, store: BlobStore) -> None:
        """Have submits go by what was counted."""
        store.tidy()
        with self._client.pipeline(transaction=True) as pipe:
            pipe.unlink(self._keys.blobs)
            pipe.hset(self._keys.blobs_counted, "", 0)  # there is nothing to rename where nothing was counted
            pipe.rename(self._keys.blobs_counted, self._keys.blobs)
            pipe.hdel(self._keys.blobs, "")
            pipe.hdel(self._keys.blobs_sweep, _AFTER)
            pipe.execute()

    def _look_at(self, store: BlobStore, page: Sequence[Kept]) -> None:
        """Forget what of these is nobody's, and count the rest."""
        found = by_owner(page)
        before = self._clock() - self._settings.blob_orphan_s
        old = [owner for owner, kept in found.items() if kept.at <= before]
        standing = self._owners.standing(old)
        gone = [owner for owner in old if standing[owner] is Standing.GONE and self._leads()]
        for owner in gone:
            self._forget(store, owner, before)
        self._forget_parts(store, {owner_in(each.key) for each in page if is_part(each.key)}, standing)
        counted = found.keys() - {owner for owner in old if standing[owner] is not Standing.HERE}
        self._count({owner: found[owner].bytes for owner in counted})

    def _forget(self, store: BlobStore, owner: str, before: float) -> None:
        """Forget what an owner has, unless it was written anew just now: its job is about to come."""
        if store.newest_of(owner) > before:
            return
        store.forget_owner(owner)
        log.info("blobs_forgotten", extra={"job_id": owner.partition("/")[2]})

    def _forget_parts(self, store: BlobStore, owners: Set[str], standing: Mapping[str, Standing]) -> None:
        """Forget the parts of owners whose job has ended, or has left Redis for the archive."""
        archived = {owner for owner in owners if standing.get(owner) is Standing.ARCHIVED}
        for owner in archived | self._owners.ended([*owners - archived]):
            if self._leads():
                store.forget_parts(owner)

    def _count(self, sizes: dict[str, int]) -> None:
        """Add up what each tenant has. What stands for a tenant that has no job any more counts for nobody."""
        totals: dict[str, int] = {}
        for owner, size in sizes.items():
            place = owner.partition("/")[0]
            totals[place] = totals.get(place, 0) + size
        if totals.keys() - self._names.keys():
            names = self._client.sscan_iter(self._keys.tenants, count=1000)
            self._names = {tenant_of(name): name for name in map(text, names)}
        with self._client.pipeline(transaction=False) as pipe:
            for place in totals.keys() & self._names.keys():
                pipe.hincrby(self._keys.blobs_counted, self._names[place], totals[place])
            pipe.execute()
