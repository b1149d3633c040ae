"""`backdesk attachment`: save a file that came with a message, for a person to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.options.submit import Tenant
from backdesk.cli.output import AsJson, Output
from backdesk.cli.safe_text import safe_line
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.attachment import media_type_of
from backdesk.worker.model.job import DEFAULT_TENANT


def attachment(
    attachment_id: Annotated[
        str, typer.Argument(metavar="ID", help="The file, as `backdesk conversations show` names it.")
    ],
    to: Annotated[Path, typer.Option(metavar="FILE", help="Where to; a file that is there is left alone.")],
    tenant: Tenant = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Save a file that came with a message. It is what a customer sent: open it with care.

    For example:

        backdesk attachment att-0f3c... --tenant acme --to photo.png

    """
    out = Output(as_json=as_json)
    with connected() as client:
        data = client.attachments.read(attachment_id, tenant=tenant)
    try:
        with to.open("xb") as opened:
            opened.write(data)
    except OSError as error:
        raise InvalidRequest("to", f"{to} cannot be written: {error.strerror}") from None
    media_type = media_type_of(data, to.name)
    out.document({"id": attachment_id, "media_type": media_type, "bytes": len(data), "saved": str(to)})
    out.line(f"saved {safe_line(to)}: {media_type}, {len(data)} bytes")
