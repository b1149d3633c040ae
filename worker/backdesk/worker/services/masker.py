"""The masker: what jobs were given is kept masked once they are over. The elected worker's does it, a tick later.

A success is masked by the script that ends it; this looks after what ended otherwise, messages that a job has taken,
and what has ended before BACKDESK_MASK_REQUESTS was set. It goes through the jobs of each state from the oldest end on,
and again from there when it is elected, or Redis was away: done twice it changes nothing. A job that failed may be done
again: its request stays until Redis forgets it. Logs are masked by the packer, which all of these are listed for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import redis

from backdesk.worker.blobs.access import BlobAccess
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.job import TERMINAL, JobState
from backdesk.worker.process.periodic import Periodic, PeriodicService
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.remains import masked_fields
from backdesk.worker.store.scripts import run
from backdesk.worker.store.upkeep import Masked, UpkeepCalls
from backdesk.worker.submit.blob_access import blobs_of

#: Jobs of one round, and rounds of one tick and state; the rest waits for the next tick.
JOBS_A_ROUND = 25
MAX_ROUNDS = 200
STATES = sorted(TERMINAL - {JobState.FAILED})
_FIELDS = ("finished_at", "request", "messages", "masked", "delivery", "request_blob", "tenant")


class Masker(PeriodicService):
    """Masks what jobs were given while `leads` says that this worker is the elected one."""

    def __init__(self, client: redis.Redis, settings: Settings, leads: Callable[[], bool]) -> None:
        super().__init__(Periodic("masker", settings.tick_s, self.tick))
        self._client = client
        self._leads = leads
        self._keys = Keys(settings.prefix)
        self._calls = UpkeepCalls(settings)
        self._blobs = blobs_of(settings)
        #: How far each state is looked through: the moment of an end, and the jobs of that moment.
        self._at: dict[JobState, tuple[float, set[bytes]]] = {}

    def tick(self) -> None:
        """Look at what has ended since the last tick, `JOBS_A_ROUND * MAX_ROUNDS` of a state at most. Idempotent."""
        before, self._at = self._at, {}
        for state in STATES:
            for _ in range(MAX_ROUNDS):
                if not self._leads():
                    return
                if self._round(state, before) < JOBS_A_ROUND:
                    break
        self._at = before

    def _round(self, state: JobState, at: dict[JobState, tuple[float, set[bytes]]]) -> int:
        """Look at the next jobs of a state; returns how many there were."""
        since, seen = at.get(state, (0.0, set()))
        most = JOBS_A_ROUND + len(seen)
        found: Any = self._client.zrangebyscore(
            self._keys.state(state), since, "+inf", start=0, num=most, withscores=True
        )
        new = [job_id for job_id, _ in found if job_id not in seen]
        if new:
            if masked := [*self._masked([*map(text, new)])]:
                run(self._client, self._calls.mask(masked))
            last = found[-1][1]
            at[state] = (last, {job_id for job_id, moment in found if moment == last})
        return len(new)

    def _masked(self, ids: Sequence[str]) -> Iterator[Masked]:
        with self._client.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hmget(self._keys.job(job_id), *_FIELDS)
            replies = pipe.execute(raise_on_error=False)
        for job_id, values in zip(ids, replies, strict=True):
            if isinstance(values, Exception) or values[0] is None:  # gone, or no record
                continue
            its = {name.encode(): value for name, value in zip(_FIELDS, values, strict=True) if value is not None}
            if (kept := masked_fields(its)) != its:
                forget_request(self._blobs, its)
                changed = {name: kept[name] for name in kept if kept[name] != its.get(name)}
                given = (changed.get(name, b"") for name in (b"request", b"messages"))
                yield Masked(job_id, text(values[0]), *given)


def forget_request(blobs: BlobAccess, fields: Mapping[bytes, bytes]) -> None:
    """Forget the request of a record that is among the blobs, where nothing can be masked. Raises BlobError."""
    if reference := fields.get(b"request_blob"):
        try:
            ref = BlobRef.model_validate_json(reference)
        except ValueError:
            return  # written by hand: there is nothing behind it
        blobs.store.remove(ref, text(fields[b"tenant"]))
