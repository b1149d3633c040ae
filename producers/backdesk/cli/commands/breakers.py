"""`backdesk breakers`: which outside services are kept from being called, and switching that by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.options.moments import read_span
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.breakers import show_breakers, state_word
from backdesk.worker.model.service import BreakerState

Name = Annotated[str, typer.Argument(metavar="NAME", help="The service's name, such as openai/gpt-4o.")]


def list_breakers(as_json: AsJson = False) -> None:
    """List the services that have failed or were switched: whether they are called, since when, what comes next.

    For example:

        backdesk breakers list

    With --json this is one array.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        found = client.breakers.list()
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
        was = client.breakers.open(name, time)
    out.document({"resource": name, "state": BreakerState.OPEN, "was": was})
    end = "until it is closed" if span is None else f"for {span}"
    out.line(f"opened {name} {end}; it was {state_word(was)}")


def close_breaker(name: Name, as_json: AsJson = False) -> None:
    """Let calls reach a service again, whatever the last ones came to; jobs that were parked go on.

    For example:

        backdesk breakers close openai/gpt-4o

    """
    out = Output(as_json=as_json)
    with connected() as client:
        was = client.breakers.close(name)
    out.document({"resource": name, "state": BreakerState.CLOSED, "was": was})
    out.line(f"closed {name}; it was {state_word(was)}")


#: The commands under `backdesk breakers`, by name.
COMMANDS: dict[str, Callable[..., None]] = {"list": list_breakers, "open": open_breaker, "close": close_breaker}
