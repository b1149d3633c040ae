"""`backdesk rewind`: do a job that came to nothing again from a step of its own."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from backdesk.cli.connection import connected
from backdesk.cli.options.request_source import read_source
from backdesk.cli.output import AsJson, Output
from backdesk.worker.errors import InvalidRequest


def rewind(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    *,
    to: Annotated[str, typer.Option(metavar="STEP", help="The first step, question or call to be done anew.")],
    request: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="Another request: as JSON, as @file, or as - to read it."),
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option("--value", metavar="STEP=JSON", help="Another result of a step; may be given several times."),
    ] = None,
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Also do again what must not be done twice, as unsafe steps.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Do a job that came to nothing again from a step of its own, as a new job; what was before it is taken over.

    For example:

        backdesk rewind 4be0643f-1d98-473b-97ca-98a65347dd9c --to draft
        backdesk rewind 4be0643f-1d98-473b-97ca-98a65347dd9c --to draft --value 'facts={"orders": 3}'

    `backdesk show ID --events` tells its steps in their order. They keep their idempotency keys. When unsafe steps or
    called jobs would be done again it is refused, and names them, unless --repeat says that it is meant. With --json
    this prints the `origin` and the new `job_id`.

    """
    out = Output(as_json=as_json)
    values = dict(map(_read, value or ()))
    edited = None if request is None else read_source("request", request)
    with connected() as client:
        job = client.rewind(job_id, to=to, request=edited, values=values, repeat=repeat)
    out.document({"origin": job_id, "job_id": job.id, "created": job.created})
    out.line(f"{'rewound' if job.created else 'was rewound before:'} {job_id} to {to} as {job.id}")


def _read(text: str) -> tuple[str, Any]:
    """Return the step and its result. Raises InvalidRequest."""
    key, separator, value = text.partition("=")
    if not (key and separator):
        raise InvalidRequest("value", f"{text!r} must be STEP=JSON")
    return key, read_source(f"value of {key}", value)
