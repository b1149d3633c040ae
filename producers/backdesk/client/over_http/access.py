"""Who may call a gateway, and who did what there, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from backdesk.client.operations.audit import AuditEntries, AuditOperations
from backdesk.client.operations.keys import ApiKeys, KeyOperations, SecretKey
from backdesk.client.operations.operation import Operation
from backdesk.client.operations.sessions import SessionOperations, Sessions
from backdesk.client.over_http.asking import as_a, ask_for, data_of, is_done, page_of
from backdesk.worker.model.access import ApiKey, Session
from backdesk.worker.model.audit import AuditEntry, Part


class HttpKeys(KeyOperations):
    """The operations on keys. What looks a secret up is done on Redis alone."""

    def add(self, name: str, scope: str, tenant: str | None, expires_in: timedelta | None) -> Operation[SecretKey]:
        """Make a key. Raises InvalidRequest."""
        body = {"name": name, "scope": scope, "tenant": tenant, "expires_s": expires_in}
        return ask_for(_secret_key, "POST", "keys", body=body)

    def list(self, tenant: str | None, limit: int, cursor: str | None) -> Operation[ApiKeys]:
        """Return a page of keys, the newest first."""
        return ask_for(page_of(ApiKey), "GET", "keys", query={"tenant": tenant, "limit": limit, "cursor": cursor})

    def get(self, key_id: str) -> Operation[ApiKey]:
        """Return one; raises KeyNotFound."""
        return ask_for(as_a(ApiKey), "GET", "keys", key_id)

    def rotate(self, key_id: str, overlap: timedelta) -> Operation[SecretKey]:
        """Give a key a new secret; raises KeyNotFound."""
        return ask_for(_secret_key, "POST", "keys", key_id, "rotate", body={"overlap_s": overlap})

    def revoke(self, key_id: str) -> Operation[bool]:
        """Let nobody in by a key any more; raises KeyNotFound."""
        return ask_for(is_done, "DELETE", "keys", key_id)


class HttpSessions(SessionOperations):
    """The operations on sessions. They are opened on Redis alone."""

    def list(self) -> Operation[Sessions]:
        """Return the sessions that have not ended."""
        return ask_for(data_of(Session), "GET", "sessions")

    def end(self, session_id: str) -> Operation[bool]:
        """End a session; returns whether there was one."""
        return ask_for(is_done, "DELETE", "sessions", session_id)


class HttpAudit(AuditOperations):
    """The operations on the audit log. It is written on Redis alone."""

    def list(self, tenant: str | None, part: Part | None, limit: int, cursor: str | None) -> Operation[AuditEntries]:
        """Return a page of entries, the newest first."""
        query = {"tenant": tenant, "part": part, "limit": limit, "cursor": cursor}
        return ask_for(page_of(AuditEntry), "GET", "audit", query=query)


def _secret_key(told: Any) -> SecretKey:
    return SecretKey(as_a(ApiKey)(told["key"]), told["secret"])
