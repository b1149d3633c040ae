"""Running the gateway as a process."""

from __future__ import annotations

import uvicorn

from backdesk.client.deployment import Deployment
from backdesk.gateway.app import create_app
from backdesk.gateway.settings import GatewaySettings

#: Open streams are ended so long after the gateway was asked to stop; their clients resume elsewhere. Seconds.
GRACE_S = 3


def serve(settings: GatewaySettings, deployment: Deployment, *, log_level: str = "info") -> None:
    """Serve until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        create_app(settings, deployment),
        host=settings.host,
        port=settings.port,
        log_level=log_level.lower(),
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        ws="none",
    )
    uvicorn.Server(config).run()
