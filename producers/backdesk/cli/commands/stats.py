"""`backdesk stats`: what jobs came to over the last days."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.options.moments import read_span_or_moment
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.stats import measures_table, stats_table
from backdesk.client.operations.stats import Stats
from backdesk.worker.errors import InvalidRequest


class By(StrEnum):
    """How jobs are grouped."""

    KIND = "kind"
    TENANT = "tenant"
    DAY = "day"
    VARIANT = "variant"


def stats(
    *,
    tenant: Annotated[str | None, typer.Option(metavar="T", help="Only jobs of this tenant.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="K", help="Only jobs of this kind.")] = None,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="Of the last 1d, 7d, 40d, or from a date on; whole days in UTC.")
    ] = "7d",
    by: Annotated[By, typer.Option(help="One line for each of these.")] = By.KIND,
    measure: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="All figures of this measure; more than one can be given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how jobs ended, how long they took, what they cost, and how good their answers were.

    For example:

        backdesk stats --since 1d
        backdesk stats --by tenant --kind support.request
        backdesk stats --measure quality --measure run_seconds
        backdesk stats --by variant --kind support.request
        backdesk stats --by day --json | jq '.groups[] | {name, jobs, failed_share}'

    By variant it shows how the prompts of one agent did that are tried beside each other: see docs/prompts.md.

    Counted are the jobs that ended, on the day on which they did. Times, tokens and costs are of those that used a
    model or measured something; p50 and p95 are within 2 % of a true value. A cost with a + is known in part. With
    --json this is one object, with all measures.

    """
    out = Output(as_json=as_json)
    asked = read_span_or_moment("since", since)
    with connected() as client:
        found = client.stats(tenant=tenant, kind=kind, since=asked, by=by.value)
    names = _known(found, measure or ())
    out.document(found)
    if not found.groups:
        _explain(found, out)
        return
    width = out.console.width
    out.show(measures_table(found, names, width=width) if names else stats_table(found, width=width))
    out.line(f"{_span(found)}, in UTC", "dim")


def _known(found: Stats, names: Sequence[str]) -> list[str]:
    """Return the names of measures; raises InvalidRequest for one that none of the jobs has, if there are any."""
    known = found.total.measures
    if found.groups and (strange := [name for name in names if name not in known]):
        there_are = f"there are {', '.join(known)}" if known else "they measured nothing at all"
        raise InvalidRequest("measure", f"none of these jobs has measured {strange[0]!r}; {there_are}")
    return [*names]


def _explain(found: Stats, out: Output) -> None:
    out.line(f"no job like that has ended {_span(found)}")
    out.line(
        "Jobs are counted when they end, for 40 days or as long as an archive keeps them: see backdesk stats --help.",
        "dim",
    )


def _span(found: Stats) -> str:
    return f"on {found.until}" if found.since == found.until else f"from {found.since} to {found.until}"
