"""`backdesk approve`, `deny`, `answer` and `resolve`: tell a waiting job what it waits for."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from backdesk.cli.connection import connected
from backdesk.cli.options.login import login_name
from backdesk.cli.options.request_source import read_source
from backdesk.cli.output import AsJson, Output
from backdesk.worker.model.asks import DONE

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]
By = Annotated[
    str, typer.Option(metavar="NAME", default_factory=login_name, help="Who says so.", show_default="your login name")
]
Note = Annotated[str, typer.Option(metavar="TEXT", help="A remark, kept with the answer.")]
AskName = Annotated[
    str | None, typer.Option("--ask", metavar="NAME", help="Which of several; `backdesk show ID` lists them.")
]


def approve(job_id: JobId, by: By, note: Note = "", ask: AskName = None, as_json: AsJson = False) -> None:
    """Let a waiting job do what it asks approval for. It goes on at once.

    For example:

        backdesk approve 4be0643f-1d98-473b-97ca-98a65347dd9c --note "a good customer"

    `backdesk asks` shows which jobs wait for people, `backdesk show ID` what exactly is asked.

    """
    with connected() as client:
        client.approve(job_id, by=by, note=note, ask=ask)
    _tell(job_id, "approved", by, as_json=as_json)


def deny(job_id: JobId, by: By, note: Note = "", ask: AskName = None, as_json: AsJson = False) -> None:
    """Refuse a waiting job what it asks approval for. It goes on at once, without it.

    For example:

        backdesk deny 4be0643f-1d98-473b-97ca-98a65347dd9c --note "bought in another shop"

    """
    with connected() as client:
        client.deny(job_id, by=by, note=note, ask=ask)
    _tell(job_id, "denied", by, as_json=as_json)


def answer(
    job_id: JobId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The answer, or one of the choices.")],
    by: By,
    *,
    note: Note = "",
    ask: AskName = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question of a waiting job, in words or by one of its choices. It goes on at once.

    For example:

        backdesk answer 4be0643f-1d98-473b-97ca-98a65347dd9c "the blue one"

    """
    with connected() as client:
        client.answer(job_id, text, by=by, note=note, ask=ask)
    _tell(job_id, "answered", by, as_json=as_json)


def resolve(
    job_id: JobId,
    outcome: Annotated[str, typer.Argument(metavar="done|repeat|fail", help="What is to become of the step.")],
    by: By,
    *,
    result: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="With done: what the step would have returned; JSON, @file, or - to read."),
    ] = None,
    note: Note = "",
    ask: AskName = None,
    as_json: AsJson = False,
) -> None:
    """Say what became of a step that must not be repeated and whose outcome nobody knows.

    For example:

        backdesk resolve 4be0643f-1d98-473b-97ca-98a65347dd9c done --result '{"charge_id": "ch_7"}'

    Look into the other system first. `done`: the step took effect; the job goes on with the result. `repeat`: it did
    not; the step runs again. `fail`: the job ends, as a dead letter.

    """
    value: Any = None if result is None else read_source("result", result)
    with connected() as client:
        client.resolve(job_id, outcome, value, by=by, note=note, ask=ask)
    _tell(job_id, "resolved as done" if outcome == DONE else f"resolved: {outcome}", by, as_json=as_json)


def _tell(job_id: str, what: str, by: str, *, as_json: bool) -> None:
    out = Output(as_json=as_json)
    out.document({"job_id": job_id, "answered": True, "by": by})
    out.line(f"{what} {job_id}")
    out.line(f"follow it: backdesk watch {job_id}", "dim")
