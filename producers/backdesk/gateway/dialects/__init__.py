"""The protocols that clients speak already, one folder each: pure functions around the exchange, and their routes."""

from importlib.util import find_spec

from fastapi import APIRouter

from backdesk.gateway.dialects import mcp
from backdesk.gateway.dialects.agui import routes as agui
from backdesk.gateway.dialects.chat_completions import routes as chat_completions
from backdesk.gateway.dialects.responses import conversation_routes as conversations
from backdesk.gateway.dialects.responses import routes as responses
from backdesk.gateway.dialects.ui_stream import routes as ui_stream
from backdesk.gateway.dialects.vapi import routes as vapi

ROUTERS: tuple[APIRouter, ...] = (
    mcp.router,
    responses.router,
    conversations.router,
    chat_completions.router,
    vapi.router,
    agui.router,
    ui_stream.router,
)
if find_spec("a2a"):
    from backdesk.gateway.dialects import a2a

    ROUTERS += (a2a.router,)
