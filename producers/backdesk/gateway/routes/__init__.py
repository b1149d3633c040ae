"""The API of our own, one module a resource."""

from backdesk.gateway.routes import (
    conversations,
    decisions,
    events,
    files,
    health,
    jobs,
    kinds,
    limits,
    metrics,
    repeats,
    reports,
    schedules,
    streams,
    submissions,
    tenants,
)

ROUTERS = (
    health.router,
    submissions.router,
    jobs.router,
    events.router,
    streams.router,
    decisions.router,
    repeats.router,
    files.router,
    kinds.router,
    conversations.router,
    schedules.router,
    reports.router,
    tenants.router,
    limits.router,
    metrics.router,
)
