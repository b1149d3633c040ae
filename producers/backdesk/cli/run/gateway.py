"""`backdesk gateway`: jobs over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from backdesk.cli.run.celery_processes import require
from backdesk.client.deployment import find_deployment


def gateway(
    *,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to answer on; 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, metavar="PORT", help="Port to answer on; 8000.")
    ] = None,
) -> None:
    """Serve jobs over HTTP: an API of its own, and the protocols that clients of agents speak already.

    For example:

        backdesk gateway --port 8080

    Without any keys only this machine is answered. Its settings are BACKDESK_GATEWAY_*.

    """
    require("fastapi", "gateway")
    from backdesk.gateway.serving import serve  # noqa: PLC0415 - its libraries are an extra
    from backdesk.gateway.settings import load_gateway_settings  # noqa: PLC0415 - same

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    deployment = find_deployment()
    serve(load_gateway_settings(**given), deployment, log_level=deployment.settings.log_level)
