"""The options of `backdesk tenants`, and how they are read: each is a value, `none` or `default`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

import typer

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.job import EVERY_TENANT

_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")

MaybeName = Annotated[str | None, typer.Argument(metavar="NAME", help="The tenant's name.")]
ForEvery = Annotated[
    bool, typer.Option("--default", help="Instead of NAME: what applies to every tenant that has no value of its own.")
]
Weight = Annotated[
    str | None, typer.Option(metavar="N", help="Its share of the workers, beside those of the other tenants: 1.")
]
MaxRunning = Annotated[
    str | None, typer.Option(metavar="N", help="How many slots its jobs may take at once; 0 pauses it.")
]
Rate = Annotated[str | None, typer.Option(metavar="N/UNIT", help="How often one of its jobs may begin: 60/m, 5/s.")]
Burst = Annotated[str | None, typer.Option(metavar="N", help="How many may begin at once after a rest, with --rate.")]
TokensPerDay = Annotated[str | None, typer.Option(metavar="N", help="Tokens that its jobs may use in a day, in UTC.")]
CostPerDay = Annotated[
    str | None, typer.Option("--cost-per-day", metavar="USD", help="Dollars that its jobs may cost in a day, in UTC.")
]
OnBudget = Annotated[
    str | None,
    typer.Option(
        metavar="fail|approve|cheaper",
        help="At a budget of the day jobs fail, wait for approval, or go on by cheaper means.",
    ),
]
Kinds = Annotated[str | None, typer.Option(metavar="KIND,...", help="The only kinds that it may have jobs of.")]
MaxJobs = Annotated[
    str | None, typer.Option(metavar="N", help="How many jobs it may have that have not ended; more are refused.")
]
MaxBytes = Annotated[str | None, typer.Option(metavar="N", help="How many bytes the requests of these may have.")]
Priority = Annotated[str | None, typer.Option(metavar="0-9", help="Priority of its jobs that name none.")]


def read_name(name: str | None, *, every: bool) -> str:
    """Return which tenant is meant; raises InvalidRequest unless it is said once."""
    if every and name is not None:
        raise InvalidRequest("tenant", "give either NAME or --default, not both")
    if every:
        return EVERY_TENANT
    if name is None:
        raise InvalidRequest("tenant", "give its NAME, or --default for every tenant")
    if name == EVERY_TENANT:
        raise InvalidRequest("tenant", "'*' is no name; --default is for every tenant")
    return name


def read_whole(text: str | None) -> int | str | None:
    """Return a whole number where the text is one; what else may stand there is for others to judge."""
    return int(text) if text is not None and _WHOLE.fullmatch(text.strip()) else text


def read_number(text: str | None) -> float | str | None:
    """Return a number where the text is one; what else may stand there is for others to judge."""
    return float(text) if text is not None and _NUMBER.fullmatch(text.strip()) else text


def read_kinds(text: str | None) -> list[str] | str | None:
    """Return names of kinds, or the one word that stands for none or for the default."""
    if text is None or text in {"none", "default"}:
        return text
    return [name.strip() for name in text.split(",") if name.strip()]


def _as_typed(text: str | None) -> str | None:
    return text


def tenant_changes(**texts: str | None) -> dict[str, Any]:
    """Return what is to change, as the client takes it, of the options as they were typed."""
    return {name: _READERS.get(name, read_whole)(text) for name, text in texts.items()}


_READERS: dict[str, Callable[[str | None], Any]] = {
    "weight": read_number,
    "rate": _as_typed,
    "cost_per_day_usd": _as_typed,
    "on_budget": _as_typed,
    "kinds": read_kinds,
}
