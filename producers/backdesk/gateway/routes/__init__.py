"""The API of our own, one module a resource."""

from backdesk.gateway.routes import health, jobs, kinds

ROUTERS = (health.router, jobs.router, kinds.router)
