"""Files that go with a message: as paths, which are attached, or as addresses."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from backdesk.client import JobClient
from backdesk.platform.contract import Attachment
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.contract import field_errors

#: The field of a request that names files.
FIELD = "attachments"

Attach = Annotated[
    list[str] | None,
    typer.Option("--attach", metavar="FILE", help="An image or a document for the message, or its https:// address."),
]


def check_takes_files(kind: str, schema: dict[str, Any]) -> None:
    """Raise InvalidRequest for a kind whose requests name no files."""
    if FIELD not in schema.get("properties", {}):
        raise InvalidRequest("attach", f"{kind} takes no files: its request has no field {FIELD}")


def attach(client: JobClient, tenant: str, files: Iterable[str]) -> list[dict[str, Any]]:
    """Attach files, and return what a request names them by. Raises InvalidRequest for one that is not taken."""
    return [_attached(client, tenant, file) for file in files]


def _at(url: str) -> Attachment:
    try:
        return Attachment(url=url)
    except ValidationError as error:
        raise InvalidRequest("attachment", f"{url} {field_errors(error)['url']}") from None


def _attached(client: JobClient, tenant: str, file: str) -> dict[str, Any]:
    if "://" in file:
        return _at(file).model_dump(exclude_none=True)
    return client.attachments.add(Path(file).expanduser(), tenant=tenant).model_dump(exclude_none=True)
