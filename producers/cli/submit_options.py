"""The options of `backdesk submit`, and how those that are JSON are read."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from producers.cli.request_source import read_json
from worker.errors import InvalidRequest

Kind = Annotated[str, typer.Argument(metavar="KIND", help="What to run; `backdesk kinds` lists them.")]
Request = Annotated[
    str | None,
    typer.Option(metavar="JSON", help="The whole request: as JSON, as @file, or as - to read it from standard input."),
]
Tenant = Annotated[str, typer.Option(metavar="NAME", help="Whose job it is; tenants share the workers fairly.")]
Priority = Annotated[int, typer.Option(metavar="0-9", help="9 runs first, among the jobs of the same tenant.")]
Delay = Annotated[str | None, typer.Option(metavar="TIME", help="Run it later: seconds, or 10s, 5m, 2h, 1d.")]
At = Annotated[str | None, typer.Option(metavar="MOMENT", help="Run it then: ISO 8601, in UTC if it names no zone.")]
Expires = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="End it, even running, if it is not done by then: 10m, or a moment."),
]
StartBy = Annotated[
    str | None,
    typer.Option(
        "--start-by", "--start-within", metavar="TIME", help="End it if it has not begun by then: 10m, or a moment."
    ),
]
Timeout = Annotated[str | None, typer.Option(metavar="TIME", help="How long one attempt may take: 30s, 5m.")]
Attempts = Annotated[
    int | None,
    typer.Option(metavar="N", help="How many attempts may fail, after the usual waits unless --retry says others."),
]
Retry = Annotated[
    str | None,
    typer.Option(metavar="JSON", help="A whole retry policy: attempts, base_s, factor, cap_s, jitter, categories."),
]
Key = Annotated[
    str | None, typer.Option(metavar="KEY", help="The same key with the same request finds the same job again.")
]
Metadata = Annotated[str | None, typer.Option(metavar="JSON", help="An object of labels, kept with the job.")]
JobId = Annotated[str | None, typer.Option(metavar="ID", help="The job's id; a random one by default.")]
Watch = Annotated[bool, typer.Option("--watch", help="Show its events from the first on, until it ends.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for its end and print the record.")]
Patience = Annotated[
    str | None,
    typer.Option("--for", metavar="TIME", help="How long to watch or wait; then exit with 4. The job goes on."),
]


def read_object(option: str, text: str) -> dict[str, Any]:
    """Return the JSON object that an option holds; raises InvalidRequest."""
    value = read_json(option, text)
    if not isinstance(value, dict):
        raise InvalidRequest(option, "must be a JSON object")
    return value


def read_retry(attempts: int | None, retry: str | None) -> dict[str, Any] | None:
    """Return the fields of the policy that `--retry` and `--attempts` describe together, None without either."""
    policy = {} if retry is None else read_object("retry", retry)
    if attempts is not None:
        policy["attempts"] = attempts
    return policy or (None if retry is None else {})
