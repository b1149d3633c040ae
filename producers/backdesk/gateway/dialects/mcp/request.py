"""What a request of MCP brought with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp_types import ClientCapabilities
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request

from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.dialects.auditing import note
from backdesk.gateway.dialects.mcp.progress import Progress
from backdesk.gateway.routes.links import signed
from backdesk.gateway.service import gateway_of
from backdesk.worker.model.job import JobRecord
from backdesk.worker.model.options import TRACEPARENT

TASKS = "io.modelcontextprotocol/tasks"
#: Where the request of HTTP keeps who calls, and that the client has gone.
CALLER, GONE = "backdesk_mcp_caller", "backdesk_mcp_gone"

Context = ServerRequestContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A request, and who makes it."""

    context: Context

    def note(self, needed: Scope, **named: str) -> None:
        """Have it noted in the audit log as one that did something."""
        note(self._request.scope, self.caller, needed, **named)

    @property
    def caller(self) -> Caller:
        """Who calls, by the key of this very request."""
        return self._state[CALLER]  # type: ignore[no-any-return]  # state is of any type

    @property
    def _request(self) -> Request:
        request = self.context.request
        assert isinstance(request, Request)  # noqa: S101 - there is no other transport here
        return request

    @property
    def _state(self) -> dict[str, Any]:
        return self._request.scope["state"]  # type: ignore[no-any-return]  # state is of any type

    @property
    def is_modern(self) -> bool:
        """Whether it is of the era in which every request says all that there is to know of its client."""
        return self.context.protocol_version in MODERN_PROTOCOL_VERSIONS

    @property
    def capabilities(self) -> ClientCapabilities | None:
        """What its client can do, where the request says so."""
        return self.context.session.client_capabilities if self.is_modern else None

    @property
    def knows_tasks(self) -> bool:
        """Whether its client has declared the extension."""
        declared = self.capabilities
        return declared is not None and TASKS in (declared.extensions or {})

    @property
    def was_closed(self) -> bool:
        """Whether its client has closed the stream, which cancels the call; before 2026-07-28 it does not."""
        return self.is_modern and GONE in self._state

    @property
    def traceparent(self) -> str | None:
        """The trace that it is part of (W3C Trace Context); one that is malformed is passed over."""
        value = (self.context.meta or {}).get("traceparent")
        return value if isinstance(value, str) and TRACEPARENT.fullmatch(value) else None

    def link(self, record: JobRecord, ask: str) -> str:
        """Return where a person answers what a job asks; the caller may operate."""
        return signed(gateway_of(self._request), self._request, self.caller, record, ask).url

    def progress(self) -> Progress:
        """Return what tells the client how far the work is, if it has asked for that."""
        return Progress(self.context.session.report_progress)
