"""`backdesk kinds`: what can be submitted, and with which fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from backdesk.cli.catalogue import Offer, offer_of, offers
from backdesk.cli.connection import connected
from backdesk.cli.options.request_fields import fields_of, result_fields
from backdesk.cli.output import AsJson, Output, table
from backdesk.cli.safe_text import safe_line


def kinds(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="Only this one.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Show the kinds of job that workers have announced: the queue each runs from, and the fields of its request.

    Of KIND also those of its result, with those of a structured answer.

    For example:

        backdesk kinds support.request

    A kind stays for a while after its last worker, so that jobs of it can wait for the next. With --json: an array of
    objects with the JSON schemas of request and result and the number of `workers`, or the one object of KIND.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        found = [offer_of(client, kind)] if kind else offers(client)
    documents = [_document(offer) for offer in found]
    out.document(documents[0] if kind else documents)
    if not found:
        out.line("no worker has announced a kind yet; start one with: backdesk worker, or everything with: backdesk up")
    for offer in found:
        _show(offer, out, whole=kind is not None)


def _document(offer: Offer) -> dict[str, Any]:
    return offer.contract.model_dump() | {"workers": offer.workers}


def _show(offer: Offer, out: Output, *, whole: bool) -> None:
    contract = offer.contract
    missing = "" if offer.workers else " (no live worker runs it)"
    slots = f", takes {contract.slots} slots" if contract.slots > 1 else ""
    out.line(f"{contract.kind}  in queue {contract.queue}{slots}{missing}", "bold")
    if contract.description:
        out.line(f"  {safe_line(contract.description)}")
    asked = ((f.option, f.shown_type, f.shown_default, f.description) for f in fields_of(contract.request_schema))
    _table(("  field", "type", "default", "meaning"), asked, out)
    if whole:
        given = ((f.name, f.shown_type, f.description) for f in result_fields(contract.result_schema))
        _table(("  result", "type", "meaning"), given, out)
    out.line("")


def _table(columns: tuple[str, ...], rows: Iterable[Sequence[str]], out: Output) -> None:
    shown = table(*columns, keep=columns[:1])
    for first, *others in rows:
        shown.add_row(Text(f"  {first}"), *(Text(safe_line(cell)) for cell in others))
    if shown.row_count:
        out.show(shown)
