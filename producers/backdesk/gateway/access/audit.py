"""The audit log as the gateway writes it: no answer to an action is sent before the log has it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backdesk.client import AsyncJobClient, StoreUnavailable
from backdesk.gateway.access.authentication import SAFE_METHODS
from backdesk.gateway.access.caller import Caller
from backdesk.gateway.access.caller import Scope as May
from backdesk.worker.model.audit import AuditEntry, Part

#: What requests say of themselves to the log, in their state: who calls, and what scope was needed.
CALLER, NEEDED = "caller", "needed"
#: Statuses that mean: this caller may not.
_REFUSALS = frozenset({401, 403, 421})
_LONGEST = 300

logger = logging.getLogger(__name__)


class AuditLog:
    """Writes entries: those that come while others are being written go together, in one round trip."""

    def __init__(self, client: AsyncJobClient, keep: int) -> None:
        self._client = client
        self._keep = keep
        self._waiting: list[tuple[AuditEntry, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, entry: AuditEntry) -> None:
        """Return when an entry is written. While Redis is away it is in the log of the process instead."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await written

    async def _write(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            try:
                await self._client.audit.add([entry for entry, _ in taken], keep=self._keep)
            except StoreUnavailable:
                for entry, _ in taken:
                    logger.exception("audit_entry_not_kept", extra=entry.stored())
            for _, written in taken:
                if not written.done():
                    written.set_result(None)


class Audited:
    """An ASGI middleware that notes what changes something, and whatever is refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                if status in _REFUSALS or scope["method"] not in SAFE_METHODS:
                    entry = _entry(scope, status, Headers(raw=message["headers"]))
                    if entry is not None:
                        await scope["app"].state.audit.write(entry)
            await send(message)

        await self._app(scope, receive, noting)


def _entry(scope: Scope, status: int, headers: Headers) -> AuditEntry | None:
    """Return what there is to note; None where nobody is known, and nothing was done."""
    state: dict[str, Any] = scope.get("state", {})
    caller: Caller | None = state.get(CALLER)
    if caller is None and status not in _REFUSALS:
        return None
    route = getattr(scope.get("route"), "path", scope["path"])
    return AuditEntry(
        part=_part(status, state.get(NEEDED)),
        by=caller.name if caller else "",
        key_id=caller.key_id if caller else "",
        way=caller.way if caller else "",
        address=caller.address if caller else _peer(scope),
        tenant=(caller.tenant or "") if caller else "",
        action=f"{scope['method']} {route}"[:_LONGEST],
        on=_named(scope, headers),
        outcome=str(status),
        request_id=str(state.get("request_id", "")),
    )


def _part(status: int, needed: May | None) -> Part:
    if status in _REFUSALS:
        return Part.REFUSALS
    return Part.JOBS if needed in {May.READ, May.SUBMIT} else Part.ACTIONS


def _named(scope: Scope, headers: Headers) -> str:
    """Return what a request names: parts of its path, or the job that it has made."""
    named = dict(scope.get("path_params") or {})
    location = headers.get("location", "")
    if location.startswith("/v1/jobs/") and not named:
        named = {"job_id": location.rpartition("/")[2]}
    return ", ".join(f"{name}={value}" for name, value in named.items())[:_LONGEST]


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
