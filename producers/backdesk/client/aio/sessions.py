"""People who sign in to the gateway."""

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
    from backdesk.client.aio.client import AsyncJobClient


class PeopleSessions:
    """Who has signed in, `client.sessions`. Redis holds hashes of what browsers keep, and of codes."""

    def __init__(self, client: AsyncJobClient) -> None:
        self._client = client
        self._operations = served(client.core, SessionOperations)

    async def invite(
        self, name: str, *, scope: Scope | str = Scope.ADMIN, tenant: str | None = None, valid: timedelta = CODE_VALID
    ) -> str:
        """Return a code by which somebody signs in, once. Raises InvalidRequest."""
        return await self._client.do(self._operations.invite(name, scope, tenant, valid))

    async def redeem(self, code: str, *, valid: timedelta = SESSION_VALID) -> OpenSession | None:
        """Open the session of a code: of those who bring it one gets it. None if it is unknown, used or too old."""
        return await self._client.do(self._operations.redeem(code, valid))

    async def open(
        self,
        name: str,
        *,
        scope: Scope | str,
        tenant: str | None = None,
        way: str = "oidc",
        valid: timedelta = SESSION_VALID,
    ) -> OpenSession:
        """Open a session for somebody whom another has made out. Raises InvalidRequest."""
        return await self._client.do(self._operations.open(name, scope, tenant, way, valid))

    async def find(self, secret: str) -> Session | None:
        """Return the session of what a browser keeps, None if it has ended."""
        return await self._client.do(self._operations.find(secret))

    async def list(self) -> Sessions:
        """Return the sessions that have not ended, 1,000 at most, the one that ends last first."""
        return await self._client.do(self._operations.list())

    async def end(self, session_id: str) -> bool:
        """End a session; returns whether there was one. Idempotent."""
        return await self._client.do(self._operations.end(session_id))
