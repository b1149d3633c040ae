"""People who sign in to the gateway."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from backdesk.client.operations.sessions import (
    CODE_VALID,
    SESSION_VALID,
    OpenSession,
    SessionOperations,
    Sessions,
)
from backdesk.client.over_http.served import served
from backdesk.worker.model.access import Scope, Session

if TYPE_CHECKING:
    from backdesk.client.blocking.client import JobClient


class PeopleSessions:
    """Who has signed in, `client.sessions`. Redis holds hashes of what browsers keep, and of codes."""

    def __init__(self, client: JobClient) -> None:
        self._client = client
        self._operations = served(client.core, SessionOperations)

    def invite(
        self, name: str, *, scope: Scope | str = Scope.ADMIN, tenant: str | None = None, valid: timedelta = CODE_VALID
    ) -> str:
        """Return a code by which somebody signs in, once. Raises InvalidRequest."""
        return self._client.do(self._operations.invite(name, scope, tenant, valid))

    def redeem(self, code: str, *, valid: timedelta = SESSION_VALID) -> OpenSession | None:
        """Open the session of a code: of those who bring it one gets it. None if it is unknown, used or too old."""
        return self._client.do(self._operations.redeem(code, valid))

    def open(
        self,
        name: str,
        *,
        scope: Scope | str,
        tenant: str | None = None,
        way: str = "oidc",
        valid: timedelta = SESSION_VALID,
    ) -> OpenSession:
        """Open a session for somebody whom another has made out. Raises InvalidRequest."""
        return self._client.do(self._operations.open(name, scope, tenant, way, valid))

    def find(self, secret: str) -> Session | None:
        """Return the session of what a browser keeps, None if it has ended."""
        return self._client.do(self._operations.find(secret))

    def list(self) -> Sessions:
        """Return the sessions that have not ended, 1,000 at most, the one that ends last first."""
        return self._client.do(self._operations.list())

    def end(self, session_id: str) -> bool:
        """End a session; returns whether there was one. Idempotent."""
        return self._client.do(self._operations.end(session_id))
