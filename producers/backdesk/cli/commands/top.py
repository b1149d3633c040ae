"""`backdesk top`: what goes on, on a page that is renewed until it is left."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from backdesk.cli.connection import connected
from backdesk.cli.options.moments import read_span
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.top import page
from backdesk.client import JobClient
from backdesk.worker.errors import InvalidRequest, StoreUnavailable

SHORTEST_S, LONGEST_S = 0.2, 3600.0


def top(
    once: Annotated[bool, typer.Option("--once", help="Print one page and end.")] = False,
    interval: Annotated[
        str, typer.Option(metavar="TIME", help="How often the page is renewed, from 200 ms on: 2, 10s, 1m.")
    ] = "2",
    tenants: Annotated[int, typer.Option(min=0, max=1000, metavar="N", help="How many tenants, the busiest.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what goes on: queues, the busiest tenants, workers, breakers, limits, and the next schedules.

    For example:

        backdesk top
        backdesk top --once --tenants 50
        backdesk top --json | jq '.queues[] | {queue, queued, running}'

    The page is renewed until you press q or Ctrl-C; into a pipe it is printed once. Of the jobs that are queued, some
    are delivered to Celery and not taken by a worker yet; a tenant's active jobs are delivered or running. Jobs that no
    live worker can run are told in red. Jobs a second are those that ended in the last half minute. With --json this is
    one object.

    """
    out = Output(as_json=as_json)
    seconds = _interval(interval)
    with connected() as client:
        if once or not out.live:
            seen = client.overview(tenants=tenants)
            out.document(seen)
            out.show(page(seen, out.console.width))
        else:
            _stay(client, tenants, seconds, out)


def _interval(text: str) -> float:
    seconds = read_span("interval", text).total_seconds()
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise InvalidRequest("interval", f"must be from {SHORTEST_S:g} seconds to an hour, not {text!r}")
    return seconds


def _stay(client: JobClient, tenants: int, seconds: float, out: Output) -> None:
    shown: RenderableType = page(client.overview(tenants=tenants), out.console.width, out.console.height - 1)
    with _keys() as quits, Live(console=out.console, screen=True, auto_refresh=False) as live:
        live.update(_fitting(shown, out), refresh=True)
        while not quits(seconds):
            try:
                shown = page(client.overview(tenants=tenants), out.console.width, out.console.height - 1)
                live.update(_fitting(shown, out), refresh=True)
            except StoreUnavailable as error:
                banner = Text(f"what follows is old: {error}", "bold red", overflow="ellipsis", no_wrap=True)
                live.update(_fitting(Group(banner, shown), out), refresh=True)


def _fitting(shown: RenderableType, out: Output) -> RenderableType:
    """Return as many lines as the terminal has, and beneath them what is not shown."""
    lines = out.console.render_lines(shown, pad=False)
    room = max(out.console.height - 1, 1)
    parts = [Text.assemble(*((segment.text, segment.style or "") for segment in line)) for line in lines[:room]]
    more = f"; {len(lines) - room} lines do not fit, see them with --once" if len(lines) > room else ""
    return Group(*parts, Text(f"q to leave{more}", "dim", overflow="ellipsis", no_wrap=True))


@contextmanager
def _keys() -> Iterator[_Quits]:
    """Within the block, keys are read as they are pressed; yields what waits for a q."""
    if not sys.stdin.isatty():
        yield _Quits(None)
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    try:
        tty.setcbreak(number)
        yield _Quits(number)
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)


class _Quits:
    """Waits, and tells whether somebody has pressed q meanwhile."""

    def __init__(self, number: int | None) -> None:
        self._number = number

    def __call__(self, seconds: float) -> bool:
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            if self._number is None:
                time.sleep(left)
            elif select.select([self._number], [], [], left)[0] and self._pressed() in {"q", "Q", ""}:
                return True
        return False

    def _pressed(self) -> str:
        return os.read(self._number or 0, 1).decode(errors="replace")
