"""The command line: `python -m tests.chaos`."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from backdesk.worker.settings import load_settings
from tests.chaos.checks import check_all
from tests.chaos.deployment import Crew
from tests.chaos.drill import DRAIN_PATIENCE_S, Run, Size, Tell, drill
from tests.chaos.peer import comparison
from tests.chaos.plan import Fault, FaultKind, plan
from tests.chaos.program import clock_library
from tests.chaos.recovery import recoveries
from tests.chaos.report import Report, as_json, as_markdown, report_of, show

#: What is not the default: times short enough for hundreds of kills a run, and no end as a dead letter after three,
#: which is what a job must come to that is killed three times.
QUICK: dict[str, Any] = {"lease_s": 2.0, "tick_s": 0.2, "max_crashes": 1000}
DEFAULTS: dict[str, Any] = {"max_crashes": 1000}
#: Of a run with an archive, in seconds: longer than a submit is repeated, so that no job is made again that was moved.
ARCHIVED: dict[str, Any] = {"retention_s": 30, "succeeded_retention_s": 30}
AGENTS, TOOLS = Crew("agents", "custom", 4, 6), Crew("tools", "prefork", 3, 2)

HELP = """Kill, freeze and cut off real workers while they work, and then check the books.

The same seed deals the same faults at the same times to the same work; whom a fault meets in what moment is the
machine's affair. A run needs its minutes and up to two more, and is worth most on a machine with nothing else to do.
"""


def run(
    *,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long faults are dealt.")] = 5,
    seed: Annotated[int, typer.Option(help="What faults and work follow from.")] = 1,
    jobs: Annotated[int | None, typer.Option(help="Jobs without children; 100 a minute unless given.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Workers for agents; one less for tools.")] = 4,
    pace: Annotated[float, typer.Option(min=0.01, help="How fast faults come; 1 kills about 50 workers a minute.")] = 1,
    defaults: Annotated[bool, typer.Option("--defaults", help="Default times: a lease of 8 s.")] = False,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write everything there.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report there.")] = None,
    keep: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep logs, database and Redis there.")] = None,
    forgetful: Annotated[bool, typer.Option("--forgetful", help="Have Redis lose writes when it is killed.")] = False,
    archive: Annotated[bool, typer.Option("--archive", help="Have jobs moved to an archive meanwhile.")] = False,
    peer: Annotated[str, typer.Option(metavar="celery", help="Deal the same to plain Celery, and compare.")] = "",
    show_plan: Annotated[bool, typer.Option("--plan", help="Print the faults, and deal none.")] = False,
) -> None:
    """Make one run, show the report, and write it where it was asked for."""
    seconds = minutes * 60
    overrides = DEFAULTS if defaults else QUICK
    if peer not in {"", "celery"}:
        raise typer.BadParameter(f"{peer!r} is not known; choose celery", param_hint="--peer")
    if keep and keep.exists() and [*keep.iterdir()]:
        raise typer.BadParameter(f"{keep} is not empty; choose a new folder", param_hint="--keep")
    faults = plan(seed, seconds, load_settings(_env_file=None, **overrides).lease_s, pace, forgetful=forgetful)
    if show_plan:
        print(*faults, sep="\n")
        return
    if not clock_library():
        print("the clock of Redis is not set: that needs Debian's package libfaketime", file=sys.stderr)
        faults = [fault for fault in faults if fault.kind is not FaultKind.STEP_CLOCK]
    crews = (_sized(AGENTS, workers), _sized(TOOLS, max(1, workers - 1)))
    folder = keep or Path(tempfile.mkdtemp(prefix="backdesk-chaos-"))
    if archive:
        overrides = {**overrides, **archived_in(folder)}
    size = Size(seed, seconds, jobs or round(100 * minutes), crews, overrides, forgetful=forgetful)
    if peer:
        _compare(size, faults, folder, json, keep=bool(keep))
        return
    with _progress(seconds) as tell:
        ended = drill(size, faults, folder, tell)
    report = judge(size, ended)
    show(report)
    if json:
        json.write_text(as_json(report), encoding="utf-8")
    if markdown:
        markdown.write_text(as_markdown(report), encoding="utf-8")
    _leave(folder, ok=report.ok, keep=bool(keep))


def archived_in(folder: Path) -> dict[str, Any]:
    """Settings of a run whose jobs are moved to an archive in a folder while all goes on."""
    return {**ARCHIVED, "archive_url": f"sqlite:///{folder.resolve()}/archive.sqlite3"}


def judge(size: Size, ended: Run) -> Report:
    """Make the checks, and bring all of it into a report."""
    return report_of(size, ended, check_all(ended.evidence), recoveries(ended.evidence, ended.dealt))


def _sized(crew: Crew, workers: int) -> Crew:
    return Crew(crew.queue, crew.pool, workers, crew.slots)


def _compare(size: Size, faults: list[Fault], folder: Path, json: Path | None, *, keep: bool) -> None:
    with _progress(size.seconds) as tell:
        tallies = comparison.compare(size, faults, folder, tell)
    comparison.show(tallies)
    if json:
        json.write_text(comparison.as_json(tallies), encoding="utf-8")
    _leave(folder, ok=True, keep=keep)


def _leave(folder: Path, *, ok: bool, keep: bool) -> None:
    if ok and not keep:
        shutil.rmtree(folder)
    else:
        print(f"logs, database and Redis are kept in {folder}", file=sys.stderr)
    if not ok:
        raise typer.Exit(1)


@contextmanager
def _progress(seconds: float) -> Iterator[Tell]:
    """Bars on standard error: the faults, then the wait for the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def tell(what: str, done_s: float) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=DRAIN_PATIENCE_S if "waiting" in what else seconds)
            progress.update(bars[what], completed=done_s)

        yield tell


def _end(*_: object) -> NoReturn:
    """Leave through the `with` blocks, which end the processes that were started."""
    sys.exit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    app = typer.Typer(add_completion=False)
    app.command(help=HELP)(run)
    app(prog_name="python -m tests.chaos")
