"""Jobs as resources: what is known of one, and what happened to it."""

from __future__ import annotations

import re

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, ReadResourceResult, ResourceTemplate, TextResourceContents

from backdesk.gateway.access.caller import Caller
from backdesk.gateway.exchange import Exchange
from backdesk.worker.errors import JobNotFound
from backdesk.worker.text.json import encode

TEMPLATE = "backdesk://jobs/{id}"
JSON = "application/json"
_URI = re.compile(r"backdesk://jobs/([A-Za-z0-9_.@-]{1,128})")
#: Of a longer log the newest events are shown.
EVENTS = 1000


def templates() -> list[ResourceTemplate]:
    """Return what can be read."""
    description = "The record of a job, and its newest events."
    return [ResourceTemplate(name="job", title="A job", uri_template=TEMPLATE, description=description, mime_type=JSON)]


async def read(exchange: Exchange, caller: Caller, uri: str) -> ReadResourceResult:
    """Return a job as JSON. Raises MCPError where there is none for this caller."""
    found = _URI.fullmatch(uri)
    try:
        record = await exchange.record(caller, found[1] if found else "")
    except JobNotFound:
        raise MCPError(INVALID_PARAMS, "Resource not found", {"uri": uri[:500]}) from None
    events, _ = await exchange.events(caller, record.id, max(0, record.events - EVENTS))
    text = encode({"record": record, "events": events}).decode()
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=JSON, text=text)])
