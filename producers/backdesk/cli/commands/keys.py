"""`backdesk keys`: what programs bring to the gateway."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.options.login import login_name
from backdesk.cli.options.moments import read_span
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.access import show_keys
from backdesk.client import JobClient
from backdesk.client.operations.keys import SecretKey
from backdesk.worker.model.access import ApiKey, Scope
from backdesk.worker.model.audit import AuditEntry

KeyId = Annotated[str, typer.Argument(metavar="ID", help="Of a key, as `backdesk keys list` shows it.")]
Overlap = Annotated[str, typer.Option(metavar="TIME", help="How long the secret before is good, such as 24h or 0.")]


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.")],
    *,
    scope: Annotated[Scope, typer.Option(help="What it may do; each includes those before it.")] = Scope.SUBMIT,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Its only tenant; all if unset.")] = None,
    expires: Annotated[str | None, typer.Option(metavar="TIME", help="How long it is good, such as 90d.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key, and print its secret: this once, as only its hash is kept.

    For example:

        backdesk keys add billing --scope submit --tenant acme --expires 90d

    """
    out = Output(as_json=as_json)
    expires_in = read_span("expires", expires) if expires is not None else None
    with connected() as client:
        made = client.keys.add(name, scope=scope, tenant=tenant, expires_in=expires_in)
        noted(client, "keys add", made.key.id)
    _show_secret(made, out)


def list_keys(
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Only those for this tenant alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the API keys, the newest first: what each may do, when it was used last, and whether it still lets in.

    For example:

        backdesk keys list

    With --json this is one array of keys.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        page = client.keys.list(tenant=tenant, limit=limit)
    keys: list[ApiKey] = list(page)
    out.document(keys)
    if keys:
        show_keys(keys, out)
    else:
        out.line("no keys: the gateway serves this machine alone; add one with: backdesk keys add NAME")
    if page.cursor:
        out.note("more are left out; see them with --limit")


def rotate(key_id: KeyId, *, overlap: Overlap = "24h", as_json: AsJson = False) -> None:
    """Give a key a new secret, and print it, this once; the one before is good for a while, so that nothing stops.

    For example:

        backdesk keys rotate 0198f0c27d1e --overlap 1h

    """
    out = Output(as_json=as_json)
    span: timedelta = read_span("overlap", overlap)
    with connected() as client:
        made = client.keys.rotate(key_id, overlap=span)
        noted(client, "keys rotate", key_id)
    _show_secret(made, out)


def revoke(key_id: KeyId, as_json: AsJson = False) -> None:
    """Let nobody in by a key any more: within two seconds, wherever it was used.

    For example:

        backdesk keys revoke 0198f0c27d1e

    """
    out = Output(as_json=as_json)
    with connected() as client:
        was_good = client.keys.revoke(key_id)
        noted(client, "keys revoke", key_id)
    out.document({"revoked": key_id, "was_good": was_good})
    out.line(f"revoked {key_id}" if was_good else f"{key_id} was revoked before")


def noted(client: JobClient, action: str, on: str) -> None:
    """Write into the audit log what a command did."""
    by, address = login_name(), socket.gethostname()
    entry = AuditEntry(by=by, way="cli", address=address, action=f"backdesk {action}", on=on, outcome="done")
    client.audit.add([entry])


def _show_secret(made: SecretKey, out: Output) -> None:
    out.document({"secret": made.secret} | made.key.model_dump(mode="json"))
    out.line(made.secret, "bold")
    out.note("Keep it now: it is shown this once. Requests bring it as `Authorization: Bearer SECRET`.", "dim")


#: The commands under `backdesk keys`, by name.
COMMANDS: dict[str, Callable[..., None]] = {"add": add, "list": list_keys, "rotate": rotate, "revoke": revoke}
