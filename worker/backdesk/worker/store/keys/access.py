"""Who may ask a gateway for what, and what was done."""

from __future__ import annotations

from backdesk.worker.store.keys.prefixed import Prefixed


class AccessKeys(Prefixed):
    """Who may ask a gateway for what, and what was done."""

    __slots__ = ()

    @property
    def api_keys(self) -> str:
        """Zset: ids of API keys, by when they were made in µs. Kept, also those that were revoked."""
        return f"{self.prefix}:api-keys"

    def api_key(self, key_id: str) -> str:
        """Hash: an API key, with the hash of its secret. Kept."""
        return f"{self.prefix}:api-key:{key_id}"

    @property
    def sessions(self) -> str:
        """Zset: hashes of what browsers keep, by the time in ms at which their sessions end. Pruned at each sign-in."""
        return f"{self.prefix}:sessions"

    def session(self, session_id: str) -> str:
        """String: who has signed in, as JSON. Expires with the session."""
        return f"{self.prefix}:session:{session_id}"

    def sign_in(self, code: str) -> str:
        """String: who may sign in by the code of this hash, as JSON. Expires in minutes, and is taken once."""
        return f"{self.prefix}:sign-in:{code}"

    def audit(self, part: str) -> str:
        """Stream: what was done by whom, the actions, the submits and the refusals apart. Pruned to so many entries."""
        return f"{self.prefix}:audit:{part}"
