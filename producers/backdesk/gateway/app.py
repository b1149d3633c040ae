"""The application: what is served, and with what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.cors import CORSMiddleware

from backdesk.client import AsyncJobClient
from backdesk.client.deployment import Deployment, find_deployment
from backdesk.gateway import dialects, problems, routes
from backdesk.gateway.access.audit import Audited, AuditLog
from backdesk.gateway.access.authentication import Authentication
from backdesk.gateway.access.envelope import Envelope
from backdesk.gateway.access.hosts import Hosts
from backdesk.gateway.access.issuer import Issuer
from backdesk.gateway.access.signing import Signer
from backdesk.gateway.access.trace_context import TraceContext
from backdesk.gateway.exchange import Exchange
from backdesk.gateway.metrics.deployment import DeploymentMetrics
from backdesk.gateway.metrics.measured import Measured
from backdesk.gateway.metrics.process import ProcessMetrics
from backdesk.gateway.service import Gateway
from backdesk.gateway.settings import GatewaySettings, load_gateway_settings
from backdesk.gateway.streams.snapshots import Snapshots
from backdesk.worker.telemetry import tracing

#: By what name it is known to a collector, unless OTEL_SERVICE_NAME says otherwise.
SERVICE = "backdesk-gateway"
#: What is asked every few seconds, by machines.
UNTOLD = frozenset({"/healthz", "/readyz", "/metrics"})
DESCRIPTION = "Jobs of agents, durable and live: submit, follow, answer and end them."


def create_app(settings: GatewaySettings | None = None, deployment: Deployment | None = None) -> FastAPI:
    """Return the gateway of a deployment as an ASGI application; it connects when it is started.

    Without settings those of the environment are read; raises ConfigurationError for one that is wrong.
    """
    settings = settings or load_gateway_settings()
    deployment = deployment or find_deployment()

    measured = ProcessMetrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        tracing.begin(deployment.settings, SERVICE)
        async with AsyncJobClient(deployment.url, settings=deployment.settings) as client:
            app.state.audit = AuditLog(client, settings.audit_entries)
            app.state.gateway = Gateway(
                settings=settings,
                client=client,
                exchange=Exchange(client, measured.submitted),
                authentication=authentication_of(client, settings, deployment),
                snapshots=Snapshots(),
                process_metrics=measured,
                deployment_metrics=DeploymentMetrics(client, settings.metrics_tenants),
            )
            watching = asyncio.create_task(measured.watch_loop())
            yield
            watching.cancel()
        await asyncio.to_thread(tracing.end)

    app = FastAPI(
        title="backdesk",
        version=version("backdesk"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        separate_input_output_schemas=False,
        responses=problems.RESPONSES,
        telemetry=_telemetry(deployment.settings.otel),
    )
    problems.install(app)
    for router in (*routes.ROUTERS, *dialects.ROUTERS):
        app.include_router(router)
    app.add_middleware(Audited)
    if settings.cors:
        app.add_middleware(CORSMiddleware, **cross_origin(settings))
    app.add_middleware(Hosts, settings=settings)
    app.add_middleware(Envelope, settings=settings)
    app.add_middleware(TraceContext)
    app.add_middleware(Measured, metrics=measured)
    return app


def _telemetry(wanted: bool) -> TelemetryConfig:
    """Return what the framework tells by OpenTelemetry: of requests, as they arrive and end; of probes nothing."""
    return {
        "tracing": wanted,
        "metrics": wanted,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
        "exclude": lambda scope: scope["path"] in UNTOLD,
    }


def authentication_of(client: AsyncJobClient, settings: GatewaySettings, deployment: Deployment) -> Authentication:
    """Return what makes out who calls a deployment."""
    signer = Signer(settings.secret, deployment.settings.data_dir)
    return Authentication(client, settings, signer, Issuer(settings) if settings.oidc_issuer else None)


def cross_origin(settings: GatewaySettings) -> dict[str, Any]:
    """Return what pages of the origins that are listed may do: bring keys, and never the cookies of people."""
    return {
        "allow_origins": settings.cors,
        "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
        "allow_headers": ["*"],
        "expose_headers": ["x-request-id", "retry-after", "location", "x-should-retry", "idempotent-replayed"],
        "max_age": 600,
    }
