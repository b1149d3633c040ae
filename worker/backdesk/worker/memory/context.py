"""The part of the contexts that is about what outlives a job: conversations, the cache and the journals of a tenant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backdesk.worker.memory.archive import Archive
from backdesk.worker.memory.conversation import Conversation
from backdesk.worker.pipeline import drive, drive_async


class Noting:
    """What any body may note."""

    _archive: Archive

    def note(self, topic: str, /, **data: Any) -> None:
        """Leave a note in this tenant's journal of a topic: JSON data for whoever looks back, as `client.notes` does.

        Returns at once. A later attempt that notes the same leaves no second note. The newest 10,000 of a topic are
        kept, for BACKDESK_NOTE_RETENTION_S. Raises ValueError for a topic that is none, and for data that is no JSON or
        over BACKDESK_MAX_EVENT_BYTES.
        """
        self._archive.note(topic, data)


class Keeping(Noting):
    """What an `async def` body keeps beyond its job."""

    async def recall(
        self, conversation_id: str, *, owner: str | None = None, newest: int | None = None
    ) -> Conversation:
        """Return what was said in a conversation of this tenant before this job: the `newest` turns, or all.

        Later attempts see no turn that came after the first call. A conversation nobody has spoken in has no turns.
        Raises TaskError (`conversation_mismatch`) when it belongs to another owner, or to one and none is named.
        """
        return await drive_async(self._archive.recall(conversation_id, owner, newest))

    async def remember(
        self,
        conversation_id: str,
        messages: Sequence[Any],
        *,
        owner: str | None = None,
        facts: Mapping[str, Any] | None = None,
        asked: bool = False,
        close: bool = False,
    ) -> None:
        """Write this job's turn of a conversation: messages, JSON in any format, and facts for the next job.

        A job has one turn: called again, also by another attempt, this replaces it. `asked` says that it ends in a
        question, `close` that it is the last. An owner who is named has the conversation from then on. Raises TaskError
        (`conversation_mismatch`, `conversation_closed`, `turn_too_large`, `facts_too_large`, `invalid_turn`).
        """
        turn = self._archive.remember(conversation_id, messages, owner=owner, facts=facts, asked=asked, close=close)
        await drive_async(turn)

    async def cached(self, key: str) -> bytes | None:
        """Return what this tenant has in its cache under a name, None when there is nothing (any more)."""
        return await drive_async(self._archive.cached(key))

    async def cache(self, key: str, value: bytes, ttl_s: float) -> None:
        """Put a value into the cache of this tenant, for all of its jobs, for so many seconds: at most 30 days.

        The key may be of any length; Redis gets its SHA-256. Raises ValueError for a value or a time that does not fit:
        a cache is for what a job can do without, so look at the size before.
        """
        await drive_async(self._archive.cache(key, value, ttl_s))


class BlockingKeeping(Noting):
    """What a `def` body keeps beyond its job. The methods are those of Keeping, and block."""

    def recall(self, conversation_id: str, *, owner: str | None = None, newest: int | None = None) -> Conversation:
        """See `Keeping.recall`."""
        return drive(self._archive.recall(conversation_id, owner, newest))

    def remember(
        self,
        conversation_id: str,
        messages: Sequence[Any],
        *,
        owner: str | None = None,
        facts: Mapping[str, Any] | None = None,
        asked: bool = False,
        close: bool = False,
    ) -> None:
        """See `Keeping.remember`."""
        drive(self._archive.remember(conversation_id, messages, owner=owner, facts=facts, asked=asked, close=close))

    def cached(self, key: str) -> bytes | None:
        """See `Keeping.cached`."""
        return drive(self._archive.cached(key))

    def cache(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `Keeping.cache`."""
        drive(self._archive.cache(key, value, ttl_s))
