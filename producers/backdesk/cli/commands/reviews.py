"""`backdesk reviews`: what the quality gates of agents have found in drafts of answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from backdesk.cli.connection import connected
from backdesk.cli.options.moments import read_span_or_moment, rough_span
from backdesk.cli.output import AsJson, Output
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.columns import Cell, fitted
from backdesk.worker.memory.note import MOST_NOTES, Note

#: Under which topic reviews are noted.
TOPIC = "review"
_COLUMNS = ("when", "tenant", "job", "agent", "overall", "verdict", "correction", "failed checks")


def reviews(
    *,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this tenant.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only of jobs of this kind.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only drafts that were refused.")] = False,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only since so long ago, such as 2h, or since a moment.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_NOTES, metavar="N", help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show how drafts of answers were reviewed, the newest first. `correction` is how often a draft was mended before.

    For example:

        backdesk reviews --failed --since 1d
        backdesk reviews --tenant acme --kind support.request --limit 100 --json

    With --json this is one array of notes, whose `data` has the scores.

    """
    out = Output(as_json=as_json)
    moment = None if since is None else read_span_or_moment("since", since)
    with connected() as client:
        # Which of them failed is known by their data alone.
        notes = client.notes(TOPIC, tenant=tenant, kind=kind, since=moment, limit=MOST_NOTES if failed else limit)
    found = [note for note in notes if not (failed and note.data.get("passed"))][:limit]
    out.document(found)
    if not found:
        out.line("no reviews; they are made of answers of agents with a quality gate")
        return
    rows = [_row(note) for note in found]
    out.show(fitted(_COLUMNS, rows, width=out.console.width, dispensable=("tenant", "correction", "when")))


def _row(note: Note) -> list[Cell]:
    data = note.data
    passed = bool(data.get("passed"))
    ago = rough_span(max((datetime.now(UTC) - note.at).total_seconds(), 0))
    return [
        f"{ago} ago",
        safe_line(note.tenant),
        safe_line(note.job_id),
        safe_line(str(data.get("agent", ""))),
        _score(data.get("overall")),
        Text("passed", "green") if passed else Text("refused", "red"),
        safe_line(str(data.get("correction", ""))),
        safe_line(", ".join(map(str, failed)) if isinstance(failed := data.get("failed"), list) else ""),
    ]


def _score(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else ""
