"""The packer: logs and results of jobs that have ended are kept packed. The elected worker's does it, a tick later.

What is to be packed is listed by the script that ends a job, and taken off the list by the one that puts the packed log
in the place of the other: where that is broken off it is done again, and done twice it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import redis

from backdesk.worker.process.periodic import Periodic, PeriodicService
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from backdesk.worker.store.key_watch import LONGEST_WAIT_S, KeyWatch
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.log import masked_log, packed_log
from backdesk.worker.store.refusal import answered
from backdesk.worker.store.scripts import run
from backdesk.worker.store.upkeep import Packed, UpkeepCalls
from backdesk.worker.text.packing import packed, unpacked

#: Jobs of one round, and rounds of one tick; the rest waits for the next tick.
JOBS_A_ROUND = 25
MAX_ROUNDS = 200
#: Entries read of a log at once, each of which may have BACKDESK_MAX_EVENT_BYTES.
ENTRIES_A_PAGE = 200


class Packer(PeriodicService):
    """Packs logs while `leads` says that this worker is the elected one."""

    def __init__(self, client: redis.Redis, settings: Settings, leads: Callable[[], bool]) -> None:
        # A thread of its own: to compress many large logs holds up no other maintenance.
        self._watch = KeyWatch(client, settings.tick_s)
        super().__init__(Periodic("packer", LONGEST_WAIT_S, self.tick, retry_s=settings.tick_s, watch=self._watch))
        self._client = client
        self._leads = leads
        self._keys = Keys(settings.prefix)
        self._calls = UpkeepCalls(settings)
        self._masks = settings.mask_requests

    def tick(self) -> None:
        """Pack what there is to pack, `JOBS_A_ROUND * MAX_ROUNDS` logs at most. Idempotent."""
        for _ in range(MAX_ROUNDS):
            if not self._leads() or self._round() < JOBS_A_ROUND:
                return

    def _round(self) -> int:
        """Pack the logs of some jobs; returns how many were to be packed."""
        (found,) = self._watch.read(("SRANDMEMBER", self._keys.unpacked, JOBS_A_ROUND))
        ids = [text(job_id) for job_id in found]
        if ids:
            run(self._client, self._calls.pack(self._read(ids)))
        return len(ids)

    def _read(self, ids: Sequence[str]) -> list[Packed]:
        # The record first: the log of a job that has ended by it is complete.
        with self._client.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hmget(self._keys.job(job_id), "finished_at", "parent", "result")
                pipe.lrange(self._keys.sent(job_id), 0, ENTRIES_A_PAGE - 1)
                pipe.lrange(self._keys.events(job_id), 0, ENTRIES_A_PAGE - 1)
            replies = [answered(reply) for reply in pipe.execute(raise_on_error=False)]
        return [self._packed(*each) for each in zip(ids, replies[::3], replies[1::3], replies[2::3], strict=True)]

    def _packed(self, job_id: str, record: Any, sent: Any, events: Any) -> Packed:
        """Return what there is to pack; without events where it is no job that has ended, or no log."""
        if not (isinstance(record, list) and record[0] and isinstance(sent, list) and isinstance(events, list)):
            return Packed(job_id, "", 0, 0, b"", b"")
        finished_at, parent, result = record
        sent, events = self._all(self._keys.sent(job_id), sent), self._all(self._keys.events(job_id), events)
        events = masked_log(events) if self._masks else events
        # Of a job that another has called, a script may still have to read the result.
        kept = b"" if parent or result is None else packed(unpacked(result))
        return Packed(job_id, text(finished_at), len(events), len(sent), packed_log(events, sent), kept)

    def _all(self, key: str, page: Any) -> list[bytes]:
        """Return the entries of a list of which there is the first page."""
        entries: list[bytes] = [*page]
        while len(page) == ENTRIES_A_PAGE:
            first = len(entries)
            page = self._client.lrange(key, first, first + ENTRIES_A_PAGE - 1)
            entries += page
        return entries
