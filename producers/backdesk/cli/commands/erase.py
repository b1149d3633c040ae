"""`backdesk erase-customer`: takes a person out of everything that is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.errors import ExitCode
from backdesk.cli.output import AsJson, Output
from backdesk.cli.safe_text import safe_line
from backdesk.client.operations.erasure import Receipt
from backdesk.worker.model.job import DEFAULT_TENANT


def erase_customer(
    customer_id: Annotated[str, typer.Argument(metavar="ID", help="The customer, as requests name them.")],
    *,
    tenant: Annotated[str, typer.Option(metavar="NAME", help="Whose customer it is.")] = DEFAULT_TENANT,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what there is.")] = False,
    receipt: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the receipt there too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take a customer out of tables, conversations, jobs, notes, the cache and the archive, and print a receipt.

    For example:

        backdesk erase-customer cust-8 --tenant acme --dry-run
        backdesk erase-customer cust-8 --tenant acme --yes --receipt erased.json

    It tells first what there is, and asks. What broke off goes on when it is begun again.

    With --json this is the receipt: counts, and nothing of the customer.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        with out.waiting("looking for what there is"):
            plan = client.erasure.plan(customer_id, tenant=tenant)
        if dry_run or not as_json:
            _tell(plan, out)
        if dry_run:
            out.document(plan)
            return
        if not yes and not out.confirmed(f"erase customer {safe_line(customer_id)} of tenant {tenant} for good?"):
            out.note("nothing was done")
            raise typer.Exit(ExitCode.FAILED)
        with out.waiting("erasing"):
            done = client.erasure.erase(customer_id, tenant=tenant)
    if receipt is not None:
        receipt.write_text(f"{done.model_dump_json(indent=2)}\n", "utf-8")
    out.document(done)
    _tell(done, out)


def _tell(receipt: Receipt, out: Output) -> None:
    out.line("there is:" if receipt.dry_run else "erased:", "bold")
    for table, count in receipt.deleted_rows.items():
        out.line(f"  {count} rows of {table}")
    for table, count in receipt.anonymised_rows.items():
        out.line(f"  {count} rows of {table}, which are kept without the customer")
    counts = receipt.model_dump(exclude={"at", "tenant", "dry_run", "deleted_rows", "anonymised_rows"})
    for name, count in counts.items():
        if count:
            out.line(f"  {count} {name.replace('_', ' ')}")
