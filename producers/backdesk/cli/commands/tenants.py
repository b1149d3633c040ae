"""`backdesk tenants`: what applies to each tenant, and what it has going on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.cli.options.tenants import (
    Burst,
    CostPerDay,
    ForEvery,
    Kinds,
    MaxBytes,
    MaxJobs,
    MaxRunning,
    MaybeName,
    OnBudget,
    Priority,
    Rate,
    TokensPerDay,
    Weight,
    read_name,
    tenant_changes,
)
from backdesk.cli.output import AsJson, Output
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.tenants import named, show_tenant, show_tenants
from backdesk.client import JobClient


def list_tenants(
    limit: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="How many at most.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """List the tenants that were set up or have jobs: their limits, and what they have going on.

    For example:

        backdesk tenants list

    What is not a tenant's own, but that of every tenant or built in, is dim. With --json this is one array of tenants.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        tenants, more = client.tenants.list(limit=limit)
    out.document(tenants)
    if tenants:
        show_tenants(tenants, out)
    else:
        out.line("no tenants; set one up with: backdesk tenants set NAME --weight 2")
    if more:
        out.note(f"{more} more are left out; see them with --limit")


def show(name: MaybeName = None, *, default: ForEvery = False, as_json: AsJson = False) -> None:
    """Show a tenant: what applies to it, and where that comes from; what it has queued, running, limited and spent.

    For example:

        backdesk tenants show acme
        backdesk tenants show --default

    """
    out = Output(as_json=as_json)
    tenant = read_name(name, every=default)
    with connected() as client:
        status = client.tenants.get(tenant)
    out.document(status)
    show_tenant(status, out)


def set_tenant(
    name: MaybeName = None,
    *,
    default: ForEvery = False,
    weight: Weight = None,
    max_running: MaxRunning = None,
    rate: Rate = None,
    burst: Burst = None,
    tokens_per_day: TokensPerDay = None,
    cost_per_day: CostPerDay = None,
    on_budget: OnBudget = None,
    kinds: Kinds = None,
    max_jobs: MaxJobs = None,
    max_bytes: MaxBytes = None,
    priority: Priority = None,
    as_json: AsJson = False,
) -> None:
    """Set what applies to a tenant, also to its jobs that wait already. Only what is given changes.

    For example:

        backdesk tenants set acme --weight 3 --max-running 20 --rate 60/m --burst 10
        backdesk tenants set acme --tokens-per-day 1000000 --cost-per-day 5.00 --on-budget approve
        backdesk tenants set --default --rate 10/m

    Each value may be `none`, explicitly no limit, or `default`, what applies to every tenant. Without any option the
    tenant is made known, which matters with BACKDESK_REQUIRE_TENANT. With --json this prints the tenant as `show` does.

    """
    out = Output(as_json=as_json)
    tenant = read_name(name, every=default)
    changes = tenant_changes(
        weight=weight,
        max_running=max_running,
        rate=rate,
        burst=burst,
        tokens_per_day=tokens_per_day,
        cost_per_day_usd=cost_per_day,
        on_budget=on_budget,
        kinds=kinds,
        max_jobs=max_jobs,
        max_bytes=max_bytes,
        priority=priority,
    )
    with connected() as client:
        client.tenants.set(tenant, **changes)
        status = client.tenants.get(tenant)
        unknown = _unknown(client, changes["kinds"])
    out.document(status)
    out.line(f"set {named(tenant)}")
    show_tenant(status, out)
    if unknown:
        out.note(f"no worker has announced {', '.join(unknown)} yet; `backdesk kinds` lists those that were", "yellow")


def _unknown(client: JobClient, kinds: object) -> list[str]:
    if not isinstance(kinds, list):
        return []
    announced = {contract.kind for contract in client.kinds()}
    return [safe_line(kind) for kind in kinds if kind not in announced]


def remove(name: MaybeName = None, *, default: ForEvery = False, as_json: AsJson = False) -> None:
    """Take a tenant back to what applies to every tenant; its jobs are left alone.

    For example:

        backdesk tenants remove acme

    """
    out = Output(as_json=as_json)
    tenant = read_name(name, every=default)
    with connected() as client:
        if not client.tenants.remove(tenant):
            raise CommandFailed("not_set", f"nothing is set for {named(tenant)}", ExitCode.REFUSED)
    out.document({"removed": tenant})
    out.line(f"removed what was set for {named(tenant)}")


#: The commands under `backdesk tenants`, by name.
COMMANDS: dict[str, Callable[..., None]] = {"list": list_tenants, "show": show, "set": set_tenant, "remove": remove}
