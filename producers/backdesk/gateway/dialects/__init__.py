"""The protocols that clients speak already, one folder each: pure functions around the exchange, and their routes."""

from fastapi import APIRouter

from backdesk.gateway.dialects import mcp

ROUTERS: tuple[APIRouter, ...] = (mcp.router,)
