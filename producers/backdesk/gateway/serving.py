"""Running the gateway as a process."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import uvicorn

from backdesk.client import ConfigurationError, JobClient, StoreUnavailable
from backdesk.client.deployment import Deployment
from backdesk.gateway.access.addresses import is_loopback_name
from backdesk.gateway.app import create_app
from backdesk.gateway.protocol import protocol_of
from backdesk.gateway.settings import GatewaySettings

#: Open streams are ended so long after the gateway was asked to stop; their clients resume elsewhere. Seconds.
GRACE_S = 3


def config_of(settings: GatewaySettings, deployment: Deployment, **options: Any) -> uvicorn.Config:
    """Return how a gateway is served."""
    return uvicorn.Config(
        create_app(settings, deployment),
        host=settings.host,
        port=settings.port,
        http=protocol_of(settings.header_timeout_s),
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        ws="none",
        **options,
    )


def serve(settings: GatewaySettings, deployment: Deployment, *, log_level: str = "info") -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigurationError where others would reach it and nobody has a key."""
    check_keys(settings, deployment)
    uvicorn.Server(config_of(settings, deployment, log_level=log_level.lower())).run()


def check_keys(settings: GatewaySettings, deployment: Deployment) -> None:
    """Raise ConfigurationError for a gateway that others could reach, and that would refuse them all."""
    if is_loopback_name(settings.host) or settings.without_keys or settings.oidc_issuer:
        return
    with suppress(StoreUnavailable), JobClient(settings=deployment.settings) as client:  # then it begins without
        if not client.keys.any():
            fix = "add one with `backdesk keys add NAME`, or set BACKDESK_GATEWAY_WITHOUT_KEYS=1 to start all the same"
            raise ConfigurationError(f"others can reach {settings.host}, and there is no API key to let them in: {fix}")
