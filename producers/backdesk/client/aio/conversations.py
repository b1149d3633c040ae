"""Conversations: what was said in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backdesk.client.operations.conversations import ConversationOperations, Heads
from backdesk.client.over_http.served import served
from backdesk.worker.memory.conversation import Conversation
from backdesk.worker.model.job import DEFAULT_TENANT

if TYPE_CHECKING:
    from backdesk.client.aio.client import AsyncJobClient


class Conversations:
    """The conversations of tenants, `client.conversations`."""

    def __init__(self, client: AsyncJobClient) -> None:
        self._client = client
        self._operations = served(client.core, ConversationOperations)

    async def list(self, *, tenant: str = DEFAULT_TENANT, limit: int = 50) -> Heads:
        """Return the heads of a tenant's conversations, the one that was spoken in last first. Not atomic."""
        return await self._client.do(self._operations.list(tenant, limit))

    async def get(self, conversation_id: str, *, tenant: str = DEFAULT_TENANT) -> Conversation:
        """Return what was said in a conversation: all turns that are kept, the oldest first, and its head.

        The messages are JSON as the jobs wrote them. Not atomic. Raises ConversationNotFound.
        """
        return await self._client.do(self._operations.get(tenant, conversation_id))

    async def forget(self, conversation_id: str, *, tenant: str = DEFAULT_TENANT) -> bool:
        """Erase what was said in a conversation; returns whether there was anything. Idempotent.

        Its jobs are left alone: their requests, results and events are kept for the retention of jobs.
        """
        return await self._client.do(self._operations.forget(tenant, conversation_id))
