"""The command line: `python -m benchmarks.scale`."""

from __future__ import annotations

import logging
import statistics
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from backdesk.worker.settings import load_settings
from benchmarks.contender import PREFIX
from benchmarks.depth import Comparison
from benchmarks.rounds import fresh_server
from benchmarks.scale.pauses import PauseLog, Scene
from benchmarks.scale.scenes import Deployment, Size

#: The longest that Redis may be held up by one script. ms.
LONGEST_MS = 50.0
#: How many times as much a job may cost Redis as with few jobs queued.
MOST_GROWTH = 1.3

HELP = """Play a large fleet with many tenants and a long backlog, and tell how long scripts held up Redis.

Of a submit, a claim and an end it also tells what they cost Redis beside a queue of 1,000 jobs. Times are by the clock
of Redis and include whatever else the machine did meanwhile. Needs about 3 GB of memory a million jobs. Ends with 1
when a script took longer than 50 ms, or a job costs more than 1.3 times as much.
"""


def scale(
    *,
    workers: Annotated[int, typer.Option(min=1, help="Workers of 16 slots.")] = 1_000,
    tenants: Annotated[int, typer.Option(min=1, help="Tenants, each with as many jobs.")] = 50_000,
    jobs: Annotated[int, typer.Option(min=1, help="Jobs that are queued.")] = 1_000_000,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a line of JSON a scene there.")] = None,
) -> None:
    """Play every scene on a server of its own, and print what each cost."""
    logging.getLogger("backdesk").setLevel(logging.ERROR)  # of thousands of attempts each loss would be told
    with fresh_server() as server:
        settings = load_settings(_env_file=None, redis_url=server.url, prefix=PREFIX)
        pauses, deployment = PauseLog(server.client), Deployment(server, settings, Size(workers, tenants, jobs))
        deployment.play(pauses, lambda scene: print(f"  {scene}", file=sys.stderr))
        deployment.close()
    _show(pauses.scenes)
    if json:
        json.write_text("".join(f"{scene.as_json()}\n" for scene in pauses.scenes), encoding="utf-8")
    worst = max(pauses.scenes, key=lambda scene: scene.worst_ms)
    print(f"worst pause of Redis: {worst.worst_ms:.1f} ms ({worst.slowest}, while {worst.name})")
    growth = _show_costs(deployment.comparison, jobs)
    if worst.worst_ms > LONGEST_MS or growth > MOST_GROWTH:
        raise typer.Exit(1)


def _show(scenes: list[Scene]) -> None:
    table = Table("scene", "scripts", "µs each", "slowest, ms", "of", title="scripts in Redis")
    for scene in scenes:
        table.add_row(scene.name, f"{scene.calls:,}", f"{scene.mean_us:.0f}", f"{scene.worst_ms:.1f}", scene.slowest)
    console = Console()
    (console if console.is_terminal else Console(width=120)).print(table)


def _show_costs(comparison: Comparison, jobs: int) -> float:
    """Print what a job costs Redis, and return how many times as much that is as with few jobs queued."""
    growth = 0.0
    for line in comparison.lines(jobs):
        if line.title.endswith("in Redis"):
            growth = 1 / statistics.median(line.ratios)
            ours, theirs = statistics.median(line.ours), statistics.median(line.theirs)
            print(f"{line.title}: {ours:.0f} µs, {line.peer} {theirs:.0f} µs: {growth:.2f} times")
    return growth


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=HELP)(scale)
    app(prog_name="python -m benchmarks.scale")
