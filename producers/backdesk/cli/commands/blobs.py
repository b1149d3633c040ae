"""`backdesk blobs`: what jobs have that is too large for Redis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from backdesk.cli.connection import connected
from backdesk.cli.output import AsJson, Output, table
from backdesk.cli.safe_text import safe_line
from backdesk.client import JobClient
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.blob import BlobRef

JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job to which they belong.")]


def list_blobs(as_json: AsJson = False) -> None:
    """List how many bytes each tenant has, by the last sweep and the submits since.

    For example:

        backdesk blobs list --json

    """
    out = Output(as_json=as_json)
    with connected() as client:
        sizes = client.blobs.sizes()
    out.document(sizes)
    rows = table("tenant", "bytes", keep=("tenant", "bytes"))
    for tenant, size in sizes.items():
        rows.add_row(Text(safe_line(tenant)), Text(f"{size:,}"))
    if sizes:
        out.show(rows)
    else:
        out.line("no tenant has any")


def show(job_id: JobId, as_json: AsJson = False) -> None:
    """Show what a job has: its request, its result, and files that its body has kept.

    For example:

        backdesk blobs show 4be0643f-1d98-473b-97ca-98a65347dd9c

    """
    out = Output(as_json=as_json)
    with connected() as client:
        refs = client.blobs.of(job_id)
    out.document(refs)
    rows = table("digest", "bytes", "type", "name", keep=("digest", "bytes"))
    for ref in refs:
        rows.add_row(*map(Text, (ref.sha256[:12], f"{ref.bytes:,}", ref.media_type, safe_line(ref.name))))
    if refs:
        out.show(rows)
    else:
        out.line("it has none")


def get(
    job_id: JobId,
    digest: Annotated[
        str, typer.Argument(metavar="DIGEST", help="The beginning of its digest, or its name; needed among several.")
    ] = "",
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; one that is there is left alone.")] = None,
    link: Annotated[
        int | None, typer.Option(metavar="SECONDS", min=1, help="Print an address for so long instead of saving it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Save a blob of a job to a file, or print an address at which anybody can load it for a while.

    For example:

        backdesk blobs get 4be0643f-1d98-473b-97ca-98a65347dd9c report.xlsx --to report.xlsx
        backdesk blobs get 4be0643f-1d98-473b-97ca-98a65347dd9c 5d7b3eef --link 600

    It needs the store of BACKDESK_BLOBS_URL, and its key if it is encrypted. What is in a file is as its job has
    written it: open it with care.

    """
    if (to is None) == (link is None):
        raise InvalidRequest("to", "give either --to FILE or --link SECONDS")
    out = Output(as_json=as_json)
    with connected() as client:
        tenant, ref = client.get(job_id).tenant, _chosen(client.blobs.of(job_id), digest)
        if to is not None:
            _save(client, ref, to, tenant)
            out.document({"blob": ref, "saved": str(to)})
            out.line(f"saved {safe_line(to)}: {ref.media_type}, {ref.bytes:,} bytes")
        else:
            address = client.blobs.link(ref, link or 0, tenant=tenant)
            if address is None:
                raise InvalidRequest("link", "a folder has no addresses, and neither has what is encrypted: use --to")
            out.document({"blob": ref, "link": address})
            out.line(address)


def _chosen(refs: list[BlobRef], digest: str) -> BlobRef:
    found = [ref for ref in refs if digest == ref.name or ref.sha256.startswith(digest)]
    if len({ref.sha256 for ref in found}) == 1:  # a result may well be the same bytes as its request
        return found[0]
    which = f"of {digest!r}" if digest else "in all"
    named = ", ".join(f"{ref.sha256[:12]} {ref.name}" for ref in found or refs) or "none"
    raise InvalidRequest("digest", f"the job has {len(found)} {which}; it has {named}")


def _save(client: JobClient, ref: BlobRef, to: Path, tenant: str) -> None:
    if to.exists():
        raise InvalidRequest("to", f"{to} is there")
    try:
        client.blobs.save(ref, to, tenant=tenant)
    except OSError as error:
        raise InvalidRequest("to", f"{to} cannot be written: {error.strerror}") from None


def accept(as_json: AsJson = False) -> None:
    """Have the blobs swept again by a Redis that is behind them, as one that was restored from a backup.

    For example:

        backdesk blobs accept

    As long as Redis is behind, nothing is removed, and `backdesk doctor` says so. From then on what belongs to no job
    that Redis and the archive know goes after BACKDESK_BLOB_ORPHAN_S: do it only where no better backup is to come, and
    no other Redis is the right one, of which this is a copy.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        client.blobs.accept()
    out.document({"accepted": True})
    out.line("the next sweep removes what belongs to no job")


COMMANDS: dict[str, Callable[..., None]] = {"list": list_blobs, "show": show, "get": get, "accept": accept}
