"""The options of `backdesk schedules`; those of the job are the ones of `backdesk submit`."""

from __future__ import annotations

from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(metavar="NAME", help="The schedule's name.")]
OfTenant = Annotated[str | None, typer.Option("--tenant", metavar="NAME", help="Only this tenant's.")]
Request = Annotated[
    str | None,
    typer.Option(
        metavar="JSON", help="The request of each job: as JSON, as @file, or as - to read it. Without it: no fields."
    ),
]
Cron = Annotated[
    str | None,
    typer.Option(
        metavar="FIELDS", help="Minute, hour, day of the month, month, day of the week; or @hourly, @daily, @weekly."
    ),
]
Every = Annotated[str | None, typer.Option(metavar="TIME", help="Instead of --cron, an interval: 30s, 15m, 2h, 1d.")]
Zone = Annotated[str, typer.Option("--timezone", metavar="ZONE", help="Whose clocks --cron means: Europe/Berlin.")]
Starts = Annotated[
    str | None, typer.Option(metavar="MOMENT", help="Fire from then on: ISO 8601, in --timezone if it names none.")
]
Ends = Annotated[str | None, typer.Option(metavar="MOMENT", help="Fire until then, as above.")]
OnMissed = Annotated[
    str,
    typer.Option(metavar="once|skip", help="After an outage or a pause: fire once for all that was missed, or not."),
]
OnOverlap = Annotated[
    str, typer.Option(metavar="allow|skip", help="While the last job goes on: fire all the same, or leave it out.")
]
Priority = Annotated[
    int | None,
    typer.Option(metavar="0-9", help="9 runs first, among the jobs of the same tenant; 5 unless it has another."),
]
Expires = Annotated[str | None, typer.Option(metavar="TIME", help="End each job if it is not done that soon: 1h.")]
StartBy = Annotated[
    str | None,
    typer.Option("--start-by", "--start-within", metavar="TIME", help="End each that has not begun that soon: 10m."),
]
Paused = Annotated[bool, typer.Option("--paused", help="Keep it paused until `backdesk schedules resume`.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace one of this name that is defined otherwise.")]
