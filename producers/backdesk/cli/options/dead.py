"""Which dead letters a command means, and whether that is meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, TypeVar

import typer
from rich.progress import track

from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.cli.options.moments import read_span_or_moment
from backdesk.cli.output import Output
from backdesk.client import JobClient
from backdesk.client.options import given
from backdesk.worker.failure import Category

T = TypeVar("T")

#: Dead letters that one command replays or drops at most, unless it is told otherwise.
MOST = 1000

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Their ids, or else filters.")]
Tenant = Annotated[str | None, typer.Option(metavar="NAME", help="Only this tenant's.")]
Kind = Annotated[str | None, typer.Option(metavar="KIND", help="Only jobs of this kind.")]
Code = Annotated[str | None, typer.Option(metavar="CODE", help="Only those that failed with this code.")]
OfCategory = Annotated[Category | None, typer.Option(help="Only those that failed for this kind of reason.")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Only those that failed since: 2h, 1d, or a moment.")]
AlsoReplayed = Annotated[bool, typer.Option("--all", help="Also those that were replayed.")]
Most = Annotated[int, typer.Option(min=1, metavar="N", help="How many at most, the newest.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")]


def filters(
    tenant: str | None, kind: str | None, code: str | None, category: Category | None, since: str | None
) -> dict[str, Any]:
    """Return the filters that were given, as the client takes them."""
    moment = None if since is None else read_span_or_moment("since", since)
    return given(tenant=tenant, kind=kind, code=code, category=category, since=moment)


def chosen(
    client: JobClient, ids: Sequence[str] | None, fitting: dict[str, Any], limit: int, *, everything: bool = False
) -> list[str]:
    """Return the ids of the dead letters that are meant, the oldest first."""
    if bool(ids) == bool(fitting):
        sentence = "say which: give ids, or a filter such as --kind, --code or --since"
        raise CommandFailed("usage", f"{sentence}, not both" if ids else sentence, ExitCode.REFUSED)
    if ids:
        return [*dict.fromkeys(ids)]
    found, cursor = list[str](), None
    while True:
        page = client.dead.list(**fitting, limit=min(limit - len(found), MOST), cursor=cursor, all=everything)
        found, cursor = found + [record.id for record in page], page.cursor
        if cursor is None or len(found) >= limit:
            return found[::-1]


def confirm(out: Output, verb: str, ids: Sequence[str] | None, found: Sequence[str], *, yes: bool) -> None:
    """Ask a person at a terminal before something is done to what filters have found; ends the command on a no."""
    if not found:
        out.line("no dead letters fit")
    if ids or yes or not found or out.confirmed(f"{verb} {len(found)} dead letter{'s' if len(found) > 1 else ''}?"):
        return
    out.note("nothing was done")
    raise typer.Exit(ExitCode.FAILED)


def told(things: Sequence[T], doing: str, out: Output) -> Iterable[T]:
    """Hand on things one by one, with a progress bar for those who watch many."""
    if not out.live or len(things) < 2:
        return things
    return track(things, doing, console=out.console, transient=True)
