"""What was said, and the files that came with it, over HTTP."""

from __future__ import annotations

from pathlib import Path

from backdesk.client.operations.attachments import AttachmentOperations
from backdesk.client.operations.conversations import ConversationOperations, Heads
from backdesk.client.operations.operation import Operation
from backdesk.client.over_http.asking import as_a, ask, ask_for, data_of, is_done
from backdesk.platform.contract import Attachment
from backdesk.worker.memory.conversation import Conversation, Head
from backdesk.worker.model.job import DEFAULT_TENANT


class HttpConversations(ConversationOperations):
    """The operations on what was said."""

    def get(self, tenant: str, conversation_id: str) -> Operation[Conversation]:
        """Return a conversation with all of its turns that are kept; raises ConversationNotFound."""
        return ask_for(as_a(Conversation), "GET", "talks", conversation_id, query=_whose(tenant))

    def list(self, tenant: str, limit: int) -> Operation[Heads]:
        """Return the heads of a tenant's conversations, the one that was spoken in last first."""
        return ask_for(data_of(Head), "GET", "talks", query=_whose(tenant) | {"limit": limit})

    def forget(self, tenant: str, conversation_id: str) -> Operation[bool]:
        """Erase a conversation; returns whether there was one."""
        return ask_for(is_done, "DELETE", "talks", conversation_id, query=_whose(tenant))


class HttpAttachments(AttachmentOperations):
    """The operations on the files of tenants."""

    def add(self, tenant: str, file: Path | bytes, name: str | None) -> Operation[Attachment]:
        """Keep a file that is taken, and return how requests name it. Raises InvalidRequest, StoreFull."""
        data = file if isinstance(file, bytes) else file.read_bytes()
        called = name or (file.name if isinstance(file, Path) else None)
        return ask_for(as_a(Attachment), "POST", "attachments", query=_whose(tenant) | {"name": called}, body=data)

    def read(self, tenant: str, file_id: str) -> Operation[bytes]:
        """Return the bytes of a file. Raises InvalidRequest."""
        answer = yield from ask("GET", "attachments", file_id, query=_whose(tenant))
        return answer.content

    def forget(self, tenant: str, file_id: str) -> Operation[bool]:
        """Forget a file; returns whether there was one."""
        return ask_for(is_done, "DELETE", "attachments", file_id, query=_whose(tenant))


def _whose(tenant: str) -> dict[str, object]:
    """Name the tenant, unless none was named: that of the key is meant then."""
    return {"tenant": None if tenant == DEFAULT_TENANT else tenant}
