"""The protocols that clients speak already, one folder each: pure functions around the exchange, and their routes."""

from fastapi import APIRouter

from backdesk.gateway.dialects import mcp
from backdesk.gateway.dialects.responses import routes as responses

ROUTERS: tuple[APIRouter, ...] = (mcp.router, responses.router)
