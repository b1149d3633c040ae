"""MCP: the kinds of a deployment as tools, and their jobs as tasks (specification 2026-07-28, and the era before).

Nothing is kept here between requests, so that any process of the gateway answers any of them.
"""

from backdesk.gateway.dialects.mcp.routes import router as router
