"""The same faults and the same jobs, three times: backdesk, and plain Celery in two configurations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos import muster
from tests.chaos.drill import Size, Tell, drill
from tests.chaos.orders import PLAIN
from tests.chaos.peer.configuration import CONFIGURATIONS
from tests.chaos.peer.drill import drill_celery
from tests.chaos.peer.tally import Tally, tally
from tests.chaos.plan import Fault
from tests.chaos.witness import Witness

#: Of the table where there is no terminal. Characters.
WIDTH = 140
#: What each line of the table is called.
TITLES = {
    "worker_kills": "worker processes killed",
    "acknowledged": "jobs acknowledged",
    "unfinished": "jobs unfinished after the drain",
    "held": "of them still with the broker",
    "bodies_begun": "bodies begun",
    "steps_ended_twice": "steps that ran to their end more than once",
    "charges_twice": "unsafe effects had more than once",
    "recovery": "from kill -9 to the next start, s",
    "not_recovered": "killed and not begun again",
    "deserters": "workers that ended by themselves",
    "drain_s": "drained in, s",
}


def compare(size: Size, faults: list[Fault], folder: Path, tell: Tell) -> list[Tally]:
    """Make the three runs, one after the other."""
    size = replace(size, mix=PLAIN)
    ours = _backdesk(size, faults, folder / "backdesk", tell)
    return [ours, *(drill_celery(size, name, faults, folder / name, tell) for name in CONFIGURATIONS)]


def _backdesk(size: Size, faults: list[Fault], folder: Path, tell: Tell) -> Tally:
    run = drill(size, faults, folder, tell)
    called = {job_id for job_id, order in run.evidence.orders.items() if order.label == muster.LABEL}
    with closing(Witness(folder / "witness.sqlite")) as witness:
        return tally(
            "backdesk",
            str(size.overrides or "the defaults"),
            witness,
            acknowledged=run.evidence.acknowledged - called,
            held=[job.id for job in run.evidence.jobs.values() if not job.record.done],
            dealt=run.dealt,
            deserters=len(run.evidence.deserters),
            drain_s=run.drain_s,
        )


def show(tallies: Sequence[Tally]) -> None:
    """Print them side by side."""
    console = Console()
    table = Table("", *(each.label for each in tallies))
    for name, title in TITLES.items():
        table.add_row(title, *(_cell(getattr(each, name)) for each in tallies))
    (console if console.is_terminal else Console(width=WIDTH)).print(table)
    for each in tallies:
        print(f"{each.label}: {each.configured}")


def as_json(tallies: Sequence[Tally]) -> str:
    """Return everything."""
    return json.dumps([asdict(each) for each in tallies], indent=2)


def _cell(value: object) -> str:
    if value is None:
        return "none"
    times = getattr(value, "p50", None)
    return str(value) if times is None else f"p50 {value.p50}, p95 {value.p95}, longest {value.longest} ({value.count})"  # type: ignore[attr-defined]
