"""`backdesk breakers`: which outside services are kept from being called, and switching that by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from rich.text import Text

from producers.cli.columns import fitted
from producers.cli.connection import connected
from producers.cli.limits_view import until
from producers.cli.moments import read_span
from producers.cli.output import AsJson, Output
from producers.cli.record_view import age
from producers.cli.safe_text import safe_line
from producers.service_limits import BreakerStatuses
from worker.resource import BreakerState, BreakerStatus

COLUMNS = ("service", "state", "since", "failures", "parked", "then")
DISPENSABLE = ("failures", "since")
_STYLES = {BreakerState.CLOSED: "green", BreakerState.OPEN: "bold red", BreakerState.HALF_OPEN: "yellow"}

Name = Annotated[str, typer.Argument(metavar="NAME", help="The service's name, such as openai/gpt-4o.")]


def list_breakers(as_json: AsJson = False) -> None:
    """List the services that have failed or were switched: whether they are called, since when, what comes next.

    For example:

        backdesk breakers list

    With --json this is one array.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        found = client.breakers()
    out.document(found)
    if found:
        show_breakers(found, out)
    else:
        out.line("no service has failed so far")


def open_breaker(
    name: Name,
    span: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="For how long: 10m, 1h. Without it: until it is closed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep all calls from a service, by hand: its jobs are parked, or use the fallback.

    For example:

        backdesk breakers open openai/gpt-4o --for 10m

    """
    out = Output(as_json=as_json)
    time = None if span is None else read_span("for", span)
    with connected() as client:
        was = client.open_breaker(name, time)
    out.document({"resource": name, "state": BreakerState.OPEN, "was": was})
    end = "until it is closed" if span is None else f"for {span}"
    out.line(f"opened {name} {end}; it was {_word(was)}")


def close_breaker(name: Name, as_json: AsJson = False) -> None:
    """Let calls reach a service again, whatever the last ones came to; jobs that were parked go on.

    For example:

        backdesk breakers close openai/gpt-4o

    """
    out = Output(as_json=as_json)
    with connected() as client:
        was = client.close_breaker(name)
    out.document({"resource": name, "state": BreakerState.CLOSED, "was": was})
    out.line(f"closed {name}; it was {_word(was)}")


def show_breakers(found: BreakerStatuses, out: Output) -> None:
    """Print breakers, a line each."""
    rows = [breaker_row(each) for each in found]
    out.show(fitted(COLUMNS, rows, width=out.console.width, dispensable=DISPENSABLE, numbers=("failures", "parked")))


def breaker_row(status: BreakerStatus) -> list[str | Text]:
    """Return the cells of a breaker, as `COLUMNS` names them."""
    return [
        safe_line(status.resource),
        Text(_word(status.state), _STYLES[status.state]),
        f"{age(status.since)} ago" if status.since else "",
        str(status.failures or ""),
        str(status.parked or ""),
        _then(status),
    ]


def _then(status: BreakerStatus) -> str:
    if status.by_hand:
        return f"by hand, for {until(status.until)} more" if status.until else "by hand, until it is closed"
    if status.prober:
        return f"job {status.prober} probes it"
    return f"a probe in {until(status.next_probe)}" if status.next_probe else ""


def _word(state: BreakerState) -> str:
    return state.replace("_", " ")


#: The commands under `backdesk breakers`, by name.
COMMANDS: dict[str, Callable[..., None]] = {"list": list_breakers, "open": open_breaker, "close": close_breaker}
