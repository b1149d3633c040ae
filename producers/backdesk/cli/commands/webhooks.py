"""`backdesk webhooks`: addresses that are told of events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

import typer

from backdesk.cli.commands.keys import noted
from backdesk.cli.connection import connected
from backdesk.cli.options.moments import read_span
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.webhooks import show_deliveries, show_endpoint, show_endpoints
from backdesk.client.operations.webhooks import SecretEndpoint
from backdesk.worker.model.webhook import DELIVERY, Format

EndpointId = Annotated[str, typer.Argument(metavar="ID", help="Of an endpoint, as `backdesk webhooks list` shows it.")]
USUAL_EVENTS = ["job.succeeded", "job.failed", "job.cancelled", "job.expired"]


def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are sent: https://, on a public host.")],
    *,
    events: Annotated[
        list[str] | None, typer.Option("--event", metavar="TYPE", help="Such as job.failed; may be repeated.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Whose events; all if unset.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How bodies are written.")] = Format.STANDARD,
    description: Annotated[str, typer.Option(metavar="TEXT", help="For people who look at it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Have an address told of events, and print the secret that signs them: this once.

    Without --event it is told how jobs end. For example:

        backdesk webhooks add https://example.com/hooks --event job.succeeded --event job.failed --tenant acme

    """
    out = Output(as_json=as_json)
    with connected() as client:
        made = client.webhooks.add(url, events or USUAL_EVENTS, tenant=tenant, format=form, description=description)
        noted(client, "webhooks add", made.endpoint.id)
        served = any(each.kind == DELIVERY for each in client.kinds())
    _show_secret(made, out)
    if not served:
        out.note(f"No worker runs {DELIVERY} yet: have one load backdesk.kinds.webhook.kind.", "yellow")


def list_endpoints(
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Only those for this tenant alone.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the addresses that are told of events, the oldest first.

    For example:

        backdesk webhooks list

    With --json this is one array.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        found = client.webhooks.list(tenant=tenant)
    out.document(found)
    if found:
        show_endpoints(found, out)
    else:
        out.line("no endpoints; add one with: backdesk webhooks add URL")


def show(endpoint: EndpointId, as_json: AsJson = False) -> None:
    """Show one endpoint, and how deliveries to it have gone.

    For example:

        backdesk webhooks show we_3f9a0c5d1b2e4f60718293a4

    """
    out = Output(as_json=as_json)
    with connected() as client:
        found = client.webhooks.standing(endpoint)
    out.document(found.endpoint.model_dump(mode="json") | {"health": found.health.model_dump(mode="json")})
    show_endpoint(found, out)


def rotate(
    endpoint: EndpointId,
    *,
    keep_old_for: Annotated[
        str, typer.Option(metavar="TIME", help="How long the secret before signs beside it, such as 24h or 0.")
    ] = "24h",
    as_json: AsJson = False,
) -> None:
    """Give an endpoint a new secret, and print it, this once; deliveries are signed with both for a while.

    For example:

        backdesk webhooks rotate we_3f9a0c5d1b2e4f60718293a4 --keep-old-for 1h

    """
    out = Output(as_json=as_json)
    span: timedelta = read_span("keep-old-for", keep_old_for)
    with connected() as client:
        made = client.webhooks.rotate(endpoint, keep_old_for=span)
        noted(client, "webhooks rotate", endpoint)
    _show_secret(made, out)


def send_test(endpoint: EndpointId, as_json: AsJson = False) -> None:
    """Send an endpoint an `endpoint.test`.

    For example:

        backdesk webhooks test we_3f9a0c5d1b2e4f60718293a4

    """
    out = Output(as_json=as_json)
    with connected() as client:
        delivery = client.webhooks.test(endpoint)
    out.document({"delivery": delivery})
    out.line(f"on its way; what becomes of it: backdesk webhooks deliveries {endpoint}")


def enable(endpoint: EndpointId, as_json: AsJson = False) -> None:
    """Tell an endpoint of events again.

    For example:

        backdesk webhooks enable we_3f9a0c5d1b2e4f60718293a4

    """
    out = Output(as_json=as_json)
    with connected() as client:
        client.webhooks.enable(endpoint)
        noted(client, "webhooks enable", endpoint)
    out.document({"enabled": endpoint})
    out.line(f"enabled {endpoint}")


def disable(endpoint: EndpointId, as_json: AsJson = False) -> None:
    """Tell an endpoint of nothing until it is enabled: what happens meanwhile it never hears of.

    For example:

        backdesk webhooks disable we_3f9a0c5d1b2e4f60718293a4

    """
    out = Output(as_json=as_json)
    with connected() as client:
        client.webhooks.disable(endpoint)
        noted(client, "webhooks disable", endpoint)
    out.document({"disabled": endpoint})
    out.line(f"disabled {endpoint}")


def remove(endpoint: EndpointId, as_json: AsJson = False) -> None:
    """Forget an endpoint, and what it was still to be told of.

    For example:

        backdesk webhooks remove we_3f9a0c5d1b2e4f60718293a4

    """
    out = Output(as_json=as_json)
    with connected() as client:
        removed = client.webhooks.remove(endpoint)
        noted(client, "webhooks remove", endpoint)
    out.document({"removed": removed})
    out.line(f"removed {endpoint}" if removed else f"there was no endpoint {endpoint}")


def deliveries(
    endpoint: EndpointId,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the newest deliveries to an endpoint, and what became of each.

    For example:

        backdesk webhooks deliveries we_3f9a0c5d1b2e4f60718293a4

    With --json this is one array.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        found = client.webhooks.deliveries(endpoint, limit=limit)
    out.document(found)
    if found:
        show_deliveries(found, out)
    else:
        out.line("nothing was delivered so far")


def resend(
    endpoint: EndpointId,
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="As `backdesk webhooks deliveries` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Send a delivery again, with the id and the bytes that it had.

    For example:

        backdesk webhooks resend we_3f9a0c5d1b2e4f60718293a4 we_3f9a0c5d1b2e4f60718293a4.evt_9c1e

    """
    out = Output(as_json=as_json)
    with connected() as client:
        again = client.webhooks.resend(endpoint, delivery)
    out.document({"delivery": again})
    out.line(f"on its way as {again}")


def _show_secret(made: SecretEndpoint, out: Output) -> None:
    out.document({"secret": made.secret} | made.endpoint.model_dump(mode="json"))
    out.line(made.secret, "bold")
    out.note(f"The secret of {made.endpoint.id}: keep it now, it is shown this once. Receivers check signatures by it.")


#: The commands under `backdesk webhooks`, by name.
COMMANDS: dict[str, Callable[..., None]] = {
    "add": add,
    "list": list_endpoints,
    "show": show,
    "rotate": rotate,
    "test": send_test,
    "enable": enable,
    "disable": disable,
    "remove": remove,
    "deliveries": deliveries,
    "resend": resend,
}
