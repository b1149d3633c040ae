"""Whose blobs are: of a job in Redis or the archive, of a file that was attached, of a schedule; or of nobody."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from enum import Enum
from typing import Any

import redis

from backdesk.worker.blobs.keys import ATTACHMENT, tenant_of
from backdesk.worker.errors import ArchiveUnavailable, ConfigurationError
from backdesk.worker.model.job import TERMINAL
from backdesk.worker.model.schedule import OWNER as SCHEDULE
from backdesk.worker.model.schedule import generation_in, name_in
from backdesk.worker.settings import Settings
from backdesk.worker.store.archive import Archive, open_archive
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys

log = logging.getLogger(__name__)

#: Owners that are asked for in one round trip.
AT_ONCE = 500


class Standing(Enum):
    """Whether an owner is there."""

    HERE = "here"
    #: In the archive, or it cannot be said whether it is.
    ARCHIVED = "archived"
    GONE = "gone"


class BlobOwners:
    """Tells which owners of blobs, named `<hashed tenant>/<owner>`, are there."""

    def __init__(self, client: redis.Redis, settings: Settings, archive: Archive | None = None) -> None:
        self._client = client
        self._settings = settings
        self._keys = Keys(settings.prefix)
        self._archive = archive

    def close(self) -> None:
        """Close the connections to the archive. Idempotent."""
        if self._archive is not None:
            self._archive.close()

    def standing(self, owners: Sequence[str]) -> dict[str, Standing]:
        """Return how it stands with each.

        Redis is asked before the archive, to which jobs go before they leave Redis: one on its way is found.
        """
        found: dict[str, Standing] = {}
        for at in range(0, len(owners), AT_ONCE):
            part = owners[at : at + AT_ONCE]
            here = self._here(part)
            jobs = [owner for owner in part if owner not in here and not _is_no_job(owner)]
            archived = self._archived(jobs)
            for owner in part:
                found[owner] = (
                    Standing.HERE if owner in here else Standing.ARCHIVED if owner in archived else Standing.GONE
                )
        return found

    def ended(self, owners: Sequence[str]) -> set[str]:
        """Return those whose jobs are in Redis and have ended."""
        found: set[str] = set()
        for at in range(0, len(owners), AT_ONCE):
            part = owners[at : at + AT_ONCE]
            with self._client.pipeline(transaction=False) as pipe:
                for owner in part:
                    pipe.hmget(self._keys.job(owner.partition("/")[2]), "tenant", "state")
                records = pipe.execute()
            for owner, (tenant, state) in zip(part, records, strict=True):
                if state and text(state) in TERMINAL and _is_of(owner, tenant and text(tenant)):
                    found.add(owner)
        return found

    def _here(self, owners: Sequence[str]) -> set[str]:
        with self._client.pipeline(transaction=False) as pipe:
            for owner in owners:
                pipe.execute_command(*self._question(*owner.split("/", 1)))
            replies = pipe.execute()
        return {owner for owner, reply in zip(owners, replies, strict=True) if _says_yes(owner, reply)}

    def _question(self, place: str, owner: str) -> tuple[Any, ...]:
        if owner.startswith(ATTACHMENT):
            return ("EXISTS", self._keys.attachment_blob(place, owner.removeprefix(ATTACHMENT)))
        if owner.startswith(SCHEDULE):
            return ("HGET", self._keys.schedule(name_in(owner)), "generation")
        return ("HGET", self._keys.job(owner), "tenant")

    def _archived(self, owners: Sequence[str]) -> set[str]:
        if self._settings.archive_url is None or not owners:
            return set()
        try:
            self._archive = self._archive or open_archive(self._settings)
            tenants = self._archive.tenants([owner.partition("/")[2] for owner in owners])
        except (ArchiveUnavailable, ConfigurationError) as error:
            log.warning("archive_not_read", extra={"error": str(error)})
            return {*owners}
        return {owner for owner in owners if _is_of(owner, tenants.get(owner.partition("/")[2]))}


def _is_no_job(owner: str) -> bool:
    return owner.partition("/")[2].startswith((ATTACHMENT, SCHEDULE))


def _says_yes(owner: str, reply: Any) -> bool:
    its = owner.partition("/")[2]
    if its.startswith(ATTACHMENT):
        return bool(reply)
    if its.startswith(SCHEDULE):
        return bool(reply) and generation_in(its) == text(reply)
    return _is_of(owner, None if reply is None else text(reply))


def _is_of(owner: str, tenant: str | None) -> bool:
    return tenant is not None and tenant_of(tenant) == owner.partition("/")[0]
