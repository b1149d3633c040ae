"""The store's books of a run: what Redis has of each job, and the archive of those that Redis has forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import redis

from backdesk.worker.settings import Settings
from backdesk.worker.store.archive import Wanted, open_archive
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.remains import Remains, commands_for, remains_in, remains_of

#: More jobs than any run has.
ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Books:
    """What the store has of every job, and which of them are archived."""

    jobs: dict[str, Remains]
    archived: frozenset[str]
    #: Jobs of which Redis and the archive have something else each.
    contrary: list[str]


def read_books(client: redis.Redis, settings: Settings) -> Books:
    """Read Redis and then the archive: a job that is moved meanwhile is found in one of them."""
    held = dict(_held(client, Keys(settings.prefix)))
    kept = _archived(settings) if settings.archive_url else {}
    both = held.keys() & kept.keys()
    return Books({**kept, **held}, frozenset(kept), sorted(job_id for job_id in both if held[job_id] != kept[job_id]))


def _held(client: redis.Redis, keys: Keys) -> Iterator[tuple[str, Remains]]:
    prefix = keys.job("")
    for key in client.scan_iter(f"{prefix}*", count=1000):
        job_id = text(key).removeprefix(prefix)
        with client.pipeline(transaction=True) as pipe:
            for command in commands_for(keys, job_id):
                pipe.execute_command(*command)
            its = remains_of(pipe.execute())
        if its.fields:
            yield job_id, its


def _archived(settings: Settings) -> dict[str, Remains]:
    with closing(open_archive(settings)) as archive:
        ids = [job.id for job in archive.newest(Wanted(), None, ALL)]
        return {job.id: remains_in(job) for job in archive.find(ids, whole=True)}
