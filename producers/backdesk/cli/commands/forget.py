"""`backdesk forget`: forget a job that has ended."""

from __future__ import annotations

from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.output import AsJson, Output


def forget(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Forget a job that has ended, with its log and all that it has finished, also in the archive.

    For example:

        backdesk forget 4be0643f-1d98-473b-97ca-98a65347dd9c

    Jobs that it called and what was said in its conversation stay; all of a customer goes by `backdesk erase-customer`.
    With --json this prints the `job_id`.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        client.forget(job_id)
    out.document({"job_id": job_id})
    out.line(f"forgot {job_id}")
