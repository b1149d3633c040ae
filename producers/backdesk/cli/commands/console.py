"""`backdesk console`: how a person signs in to the gateway."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from backdesk.cli.commands.keys import noted
from backdesk.cli.connection import connected
from backdesk.cli.options.login import login_name
from backdesk.cli.output import AsJson, Output
from backdesk.client import JobClient
from backdesk.worker.model.access import Scope

#: Where the gateway is unless that is said.
USUAL_URL = "http://127.0.0.1:8000"
MINUTES = 10


def console(
    *,
    url: Annotated[
        str, typer.Option(envvar="BACKDESK_GATEWAY_PUBLIC_URL", metavar="URL", help="Where the gateway is.")
    ] = USUAL_URL,
    scope: Annotated[Scope, typer.Option(help="What they may do; each includes those before it.")] = Scope.ADMIN,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Their only tenant; all if unset.")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Who; the login name by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print an address at which a person signs in to the gateway: once, within ten minutes.

    For example:

        backdesk console
        backdesk console --name ada --scope operate --tenant acme

    """
    out = Output(as_json=as_json)
    who = login_name() if name is None else name
    with connected() as client:
        address = sign_in_address(client, url, who or "operator", scope, tenant)
        noted(client, "console", who)
    out.document({"url": address, "valid_minutes": MINUTES})
    out.line(address)
    out.note(f"Whoever opens it within {MINUTES} minutes signs in as {who} ({scope}); it is good once.", "dim")


def sign_in_address(
    client: JobClient, url: str, name: str, scope: Scope = Scope.ADMIN, tenant: str | None = None
) -> str:
    """Return an address of a gateway at which somebody signs in, once."""
    code = client.sessions.invite(name, scope=scope, tenant=tenant, valid=timedelta(minutes=MINUTES))
    return f"{url.rstrip('/')}/sign-in?code={code}"
