"""The options of `backdesk submit`, and how those that are JSON are read."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from backdesk.cli.options.request_source import read_json
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.options import WHEN_BUSY

Kind = Annotated[str, typer.Argument(metavar="KIND", help="What to run; `backdesk kinds` lists them.")]
Request = Annotated[
    str | None,
    typer.Option(metavar="JSON", help="The whole request: as JSON, as @file, or as - to read it from standard input."),
]
Each = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="A job for each line of a file, its request as JSON; - is standard input."),
]
Batch = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="With --each: repeated with the same key and file, it makes no job twice."),
]
Tenant = Annotated[str, typer.Option(metavar="NAME", help="Whose job it is; tenants share the workers fairly.")]
Priority = Annotated[
    int | None,
    typer.Option(metavar="0-9", help="9 runs first, among the jobs of the same tenant; 5 unless it has another."),
]
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
BudgetText = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="LIMITS",
        help="What it may spend: tokens=20000,cost_usd=0.5,on_limit=approve, or as JSON. Limits are tokens, cost_usd, "
        "model_calls, tool_calls and wall_s; at one of them it fails, or as on_limit says: approve, cheaper.",
    ),
]
Slots = Annotated[
    int | None,
    typer.Option(metavar="N", help="How many slots of its worker it takes, in place of those of its kind."),
]
Key = Annotated[
    str | None, typer.Option(metavar="KEY", help="The same key with the same request finds the same job again.")
]
KeyTtl = Annotated[
    str | None, typer.Option(metavar="TIME", help="How long the key finds this job: 10m. Without it: while it is kept.")
]
KeyWhileActive = Annotated[
    bool, typer.Option("--key-while-active", help="The key finds this job only until it has ended.")
]
Conversation = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="The conversation that it belongs to; jobs of a tenant with one run one at a time, in their order. A "
        "field conversation_id of the request is the same thing.",
    ),
]
Traceparent = Annotated[
    str | None,
    typer.Option(
        metavar="CONTEXT",
        envvar="TRACEPARENT",
        help="The trace that it belongs to, as the W3C has it: 00-TRACE-SPAN-FLAGS. Its attempts are linked to it.",
    ),
]
WhenBusy = Annotated[
    str,
    typer.Option(
        metavar="|".join(WHEN_BUSY),
        help="While another job of the conversation goes on: wait, be refused, cancel it, or have it take the message.",
    ),
]
Metadata = Annotated[str | None, typer.Option(metavar="JSON", help="An object of labels, kept with the job.")]
JobId = Annotated[str | None, typer.Option(metavar="ID", help="The job's id; a random one by default.")]
Watch = Annotated[bool, typer.Option("--watch", help="Show its events from the first on, until it ends.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for its end and print the record.")]
Patience = Annotated[
    str | None,
    typer.Option("--for", metavar="TIME", help="How long to watch or wait; then exit with 4. The job goes on."),
]


def read_documents(
    *, attempts: int | None, retry: str | None, budget: str | None, metadata: str | None
) -> dict[str, dict[str, Any] | None]:
    """Return the options of a job that are documents, by name, each None when not given; raises InvalidRequest."""
    return {
        "retry": _retry(attempts, retry),
        "budget": None if budget is None else _budget(budget),
        "metadata": None if metadata is None else _object("metadata", metadata),
    }


def _object(option: str, text: str) -> dict[str, Any]:
    value = read_json(option, text)
    if not isinstance(value, dict):
        raise InvalidRequest(option, "must be a JSON object")
    return value


def _budget(text: str) -> dict[str, Any]:
    """Return the fields of a budget, given as JSON or as `name=value` with commas."""
    if text.lstrip().startswith(("{", "@", "[")):
        return _object("budget", text)
    fields: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name or not value:
            raise InvalidRequest("budget", f"{part.strip()!r} must be name=value, such as tokens=20000")
        if name in fields:
            raise InvalidRequest(f"budget.{name}", "is given twice")
        fields[name] = _number(value)
    return fields


def _number(value: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    return value


def _retry(attempts: int | None, retry: str | None) -> dict[str, Any] | None:
    """Return the fields of the policy that `--retry` and `--attempts` describe together, None without either."""
    policy = {} if retry is None else _object("retry", retry)
    if attempts is not None:
        policy["attempts"] = attempts
    return policy or (None if retry is None else {})
