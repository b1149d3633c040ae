"""The SDK's session over the conversations that backdesk keeps."""

from __future__ import annotations

from typing import Any

from agents import SessionABC
from agents.items import TResponseInputItem

from backdesk.worker import TaskContext, TaskError

#: Of a conversation that a run gets to see.
MOST_TURNS = 20


class ConversationSession(SessionABC):
    """A conversation of the job's tenant: what former jobs have said, and this job's turn of it, which the run writes.

    What former jobs have said is theirs: it can be neither popped nor cleared.
    """

    def __init__(self, ctx: TaskContext, conversation_id: str, *, owner: str | None = None) -> None:
        self.session_id = conversation_id
        self._ctx = ctx
        self._owner = owner
        self._past: list[TResponseInputItem] | None = None
        self._turn: list[TResponseInputItem] = []

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """Return what was said, or the newest items of it."""
        items = [*await self._said(), *self._turn]
        return items if limit is None else items[max(0, len(items) - limit) :]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add to this job's turn; another attempt that adds the same writes the same turn."""
        self._turn.extend(items)
        await self._write()

    async def pop_item(self) -> TResponseInputItem | None:
        """Take back the newest item of this job's turn. Raises TaskError where that is a former job's."""
        if self._turn:
            item = self._turn.pop()
            await self._write()
            return item
        if await self._said():
            raise TaskError("conversation_kept", "what former jobs have said in a conversation cannot be taken back")
        return None

    async def clear_session(self) -> None:
        """Take back this job's turn. Raises TaskError where former jobs have spoken."""
        if await self._said():
            raise TaskError("conversation_kept", "what former jobs have said in a conversation cannot be taken back")
        self._turn.clear()
        await self._write()

    async def _said(self) -> list[TResponseInputItem]:
        if self._past is None:
            past = await self._ctx.recall(self.session_id, owner=self._owner, newest=MOST_TURNS)
            past.check_open()
            said: list[Any] = [item for turn in past.turns for item in turn.messages]
            self._past = said
        return self._past

    async def _write(self) -> None:
        await self._ctx.remember(self.session_id, self._turn, owner=self._owner)
