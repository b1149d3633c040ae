"""The command line: `python -m benchmarks`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from backdesk.worker.errors import ConfigurationError
from benchmarks.agents import agents
from benchmarks.archive import archive
from benchmarks.batch import batch
from benchmarks.blob_sweep import blob_sweep
from benchmarks.blobs import blobs
from benchmarks.cached_call import cached_call
from benchmarks.child import MeasurementFailed
from benchmarks.collaborate import collaborate
from benchmarks.depth import depth
from benchmarks.drain import drain
from benchmarks.events import busy_events, idle_events
from benchmarks.exports import export
from benchmarks.fairness import fair_share, fair_wait
from benchmarks.footprint import footprint
from benchmarks.gateway import gateway_streams, gateway_submit
from benchmarks.job_rates import job_rates
from benchmarks.line import Line
from benchmarks.lists import lists
from benchmarks.model_limits import model_limits
from benchmarks.outage import outage
from benchmarks.parallel_tools import parallel_tools
from benchmarks.plan import Plan
from benchmarks.query_progress import query_progress
from benchmarks.recovery import recovery
from benchmarks.report import as_json, as_markdown, conditions, show
from benchmarks.steps import steps
from benchmarks.submission import submit, submit_many
from benchmarks.telemetry import scrape, traced
from benchmarks.waiting import waiting

MEASUREMENTS: dict[str, Callable[[Plan], list[Line]]] = {
    "submit": submit,
    "submit_many": submit_many,
    "drain": drain,
    "waiting": waiting,
    "recovery": recovery,
    "steps": steps,
    "events_idle": idle_events,
    "events_busy": busy_events,
    "agents": agents,
    "parallel_tools": parallel_tools,
    "collaborate": collaborate,
    "footprint": footprint,
    "fair_wait": fair_wait,
    "fair_share": fair_share,
    "job_rates": job_rates,
    "model_limits": model_limits,
    "outage": outage,
    "depth": depth,
    "archive": archive,
    "lists": lists,
    "cached_call": cached_call,
    "query_progress": query_progress,
    "batch": batch,
    "blobs": blobs,
    "blob_sweep": blob_sweep,
    "export": export,
    "gateway_submit": gateway_submit,
    "gateway_streams": gateway_streams,
    "traced": traced,
    "scrape": scrape,
}
QUICK = Plan(repeat=2, divisor=10)

_LIST = "\n\n".join(f"{name}: {measure.__doc__}" for name, measure in MEASUREMENTS.items())
HELP = f"""Measure backdesk beside plain Celery and arq, on this machine, in one run.

{_LIST}

Each repetition gives every contender its turn, on a Redis started for that turn alone. Read the ratios, not the
figures: they are taken side by side, and a slow machine slows both sides. A full run takes about half an hour and
wants a machine with nothing else to do. arq has an environment of its own, .tools/peers, made on first use.
"""


def run(
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Measure only this; may be repeated.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Repetitions; a median of fewer than 5 says little.")] = 5,
    quick: Annotated[bool, typer.Option("--quick", help="Two repetitions of a tenth: does everything run?")] = False,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every sample there.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table there as Markdown.")] = None,
) -> None:
    """Measure, show the table, and write it where it was asked for."""
    unknown = sorted(set(only or ()) - set(MEASUREMENTS))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(MEASUREMENTS)}", param_hint="--only")
    plan = QUICK if quick else Plan(repeat=repeat)
    facts = conditions(plan.repeat)
    lines, failed = _measure(only or list(MEASUREMENTS), plan)
    show(lines, facts)
    if json:
        json.write_text(as_json(lines, facts), encoding="utf-8")
    if markdown:
        markdown.write_text(as_markdown(lines, facts), encoding="utf-8")
    if failed:
        raise typer.Exit(1)


def _measure(names: Sequence[str], plan: Plan) -> tuple[list[Line], bool]:
    """Return the lines of all measurements that worked, and whether one did not: it costs only its own lines."""
    lines: list[Line] = []
    failed = False
    for name in names:
        print(name, file=sys.stderr)
        try:
            lines += MEASUREMENTS[name](plan)
        except (MeasurementFailed, ConfigurationError) as error:
            print(f"{name} failed: {error}", file=sys.stderr)
            failed = True
    return lines, failed


def _end(*_: object) -> NoReturn:
    """Leave through the `with` blocks, which end the processes that were started."""
    sys.exit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    app = typer.Typer(add_completion=False)
    app.command(help=HELP)(run)
    app(prog_name="python -m benchmarks")
