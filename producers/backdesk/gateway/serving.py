"""Running the gateway as a process."""

from __future__ import annotations

from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from backdesk.client.deployment import Deployment
from backdesk.gateway.app import create_app
from backdesk.gateway.settings import GatewaySettings
from backdesk.gateway.streams.sse import ABORT

#: Open streams are ended so long after the gateway was asked to stop; their clients resume elsewhere. Seconds.
GRACE_S = 3


class Protocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it; applications can end a connection whose client takes nothing."""

    def on_message_begin(self) -> None:
        """Offer that with each request."""
        super().on_message_begin()
        extensions: dict[str, Any] = self.scope.setdefault("extensions", {})
        extensions[ABORT] = self.transport.abort


def config_of(settings: GatewaySettings, deployment: Deployment, **options: Any) -> uvicorn.Config:
    """Return how a gateway is served."""
    return uvicorn.Config(
        create_app(settings, deployment),
        host=settings.host,
        port=settings.port,
        http=Protocol,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        ws="none",
        **options,
    )


def serve(settings: GatewaySettings, deployment: Deployment, *, log_level: str = "info") -> None:
    """Serve until SIGTERM or SIGINT."""
    uvicorn.Server(config_of(settings, deployment, log_level=log_level.lower())).run()
