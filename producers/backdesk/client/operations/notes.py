"""The journals of tenants: what jobs have noted, by topic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Commands, Operation
from backdesk.client.operations.since import Since, since_ms
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.memory.calls import read_note
from backdesk.worker.memory.note import MOST_NOTES, Note, is_topic
from backdesk.worker.store.moments import milliseconds

# Named here because inside the clients `list` is a method.
Notes = list[Note]
#: Entries looked at in one step.
PAGE = 1000


class NoteOperations:
    """The operations that read journals."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core

    def read(
        self, topic: str, tenant: str | None, kind: str | None, since: Since | None, limit: int
    ) -> Operation[Notes]:
        """Return the newest notes that fit, the newest first; raises InvalidRequest."""
        if not is_topic(topic):
            raise InvalidRequest("topic", f"{topic!r} must be up to 64 lower-case letters, digits, or any of _ . -")
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_NOTES:
            raise InvalidRequest("limit", f"{limit!r} must be a whole number from 1 to {MOST_NOTES}")
        after_ms = 0 if since is None else since_ms("since", since, milliseconds(datetime.now(UTC)))
        tenants = [tenant] if tenant is not None else (yield from self._tenants(topic))
        found: Notes = []
        for each in tenants:
            found += yield from self._of(topic, each, kind, after_ms, limit)
        return sorted(found, key=lambda note: note.at, reverse=True)[:limit]

    def _tenants(self, topic: str) -> Operation[list[str]]:
        (names,) = yield Commands([("ZRANGE", self._core.keys.noted(topic), 0, -1)])
        return [name.decode() for name in names]

    def _of(self, topic: str, tenant: str, kind: str | None, after_ms: int, limit: int) -> Operation[Notes]:
        found: Notes = []
        for at in range(0, MOST_NOTES, PAGE):
            journal, lowest = self._core.keys.notes(tenant, topic), after_ms * 1000
            page: list[Any]
            (page,) = yield Commands([("ZREVRANGEBYSCORE", journal, "+inf", lowest, "WITHSCORES", "LIMIT", at, PAGE)])
            notes = [read_note(tenant, topic, entry, score) for entry, score in page]
            found += [note for note in notes if kind in {None, note.kind}]
            if len(found) >= limit or len(page) < PAGE:
                break
        return found[:limit]
