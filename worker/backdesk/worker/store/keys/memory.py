"""What outlives a job: conversations, the cache, journals."""

from __future__ import annotations

from backdesk.worker.store.keys.prefixed import Prefixed


class MemoryKeys(Prefixed):
    """What outlives a job: conversations, the cache, journals."""

    __slots__ = ()

    def conversation(self, tenant: str, conversation_id: str) -> str:
        """Zset: the jobs of a conversation that are queued or further, by their turn (1, 2, ...). Gone when empty."""
        return f"{self.prefix}:conversation:{tenant}:{conversation_id}"

    def steering(self, tenant: str, conversation_id: str) -> str:
        """Zset: jobs of a conversation whose message the one under way may take, by their turn. Gone when empty."""
        return f"{self.prefix}:steering:{tenant}:{conversation_id}"

    def history(self, tenant: str, conversation_id: str) -> str:
        """Hash: what was said in a conversation: its head, and its turns. Expires when it was not written for long."""
        return f"{self.prefix}:history:{tenant}:{conversation_id}"

    def conversations(self, tenant: str) -> str:
        """Zset: a tenant's conversations with a history, by the time in ms of the last turn. Expires with the last."""
        return f"{self.prefix}:conversations:{tenant}"

    def cache(self, tenant: str, digest: str) -> str:
        """String: what a tenant's jobs keep for each other, by the SHA-256 of its name. Expires as its writer says."""
        return f"{self.prefix}:cache:{tenant}:{digest}"

    def attachment(self, tenant: str, digest: str) -> str:
        """String: a file that requests of a tenant name, by the SHA-256 of its bytes. Expires."""
        return f"{self.prefix}:attachment:{tenant}:{digest}"

    def attachment_blob(self, place: str, digest: str) -> str:
        """String: the reference of a file that is among the blobs, by its tenant as that has it there. Expires."""
        return f"{self.prefix}:attachment-blob:{place}:{digest}"

    def attachments(self, tenant: str) -> str:
        """Zset: a tenant's files, `<digest>:<bytes>`, by when each expires, in ms. Pruned; expires with the last."""
        return f"{self.prefix}:attachments:{tenant}"

    def attached(self, tenant: str) -> str:
        """String: how many bytes the files of a tenant have in all. Expires with the last."""
        return f"{self.prefix}:attached:{tenant}"

    def text(self, digest: str) -> str:
        """String: what many jobs have sent to models in the same words, packed. Expires long after its last use."""
        return f"{self.prefix}:text:{digest}"

    def notes(self, tenant: str, topic: str) -> str:
        """Zset: what a tenant's jobs have noted of a topic, by time in µs. Pruned; expires after the last."""
        return f"{self.prefix}:notes:{tenant}:{topic}"

    def noted(self, topic: str) -> str:
        """Zset: the tenants that have notes of a topic, by the time in ms of the last. Expires with the last."""
        return f"{self.prefix}:noted:{topic}"

    def thread(self, tenant: str, conversation_id: str) -> str:
        """Zset: the newest jobs of a conversation of a chat client, by when they were asked for, in ms. Expires."""
        return f"{self.prefix}:thread:{tenant}:{conversation_id}"
