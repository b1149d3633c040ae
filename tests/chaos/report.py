"""A run as a table for people, as JSON for programs, and as Markdown for documents."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.checks import Finding
from tests.chaos.drill import Run, Size
from tests.chaos.evidence import Evidence
from tests.chaos.recovery import Recovery, Times

#: Of the table where there is no terminal. Characters.
WIDTH = 140
#: Offenders shown of a check; the JSON has all.
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is told of a run: figures by section, and what the checks found."""

    title: str
    figures: dict[str, dict[str, Any]]
    findings: Sequence[Finding]
    #: For programs only.
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)


def report_of(size: Size, run: Run, findings: Sequence[Finding], recovered: Sequence[Recovery]) -> Report:
    """Bring a run into figures."""
    kills = sum(dealt.is_kill for dealt in run.dealt)
    recovery = {
        "all": _times([each.seconds for each in recovered]),
        "Redis well meanwhile": _times([each.seconds for each in recovered if each.calm]),
        "the same, without the wait for a slot": _times([each.noticed_s for each in recovered if each.calm]),
    }
    figures = {
        "conditions": _conditions(size, run.server),
        "faults": {"worker processes killed": kills, **Counter(str(dealt.kind) for dealt in run.dealt)},
        "work": _work(run.evidence, size),
        "people": {**run.answers, "submits repeated": run.repeats, "killed to be sure": run.ended_to_be_sure},
        "recovery from kill -9, s": recovery,
        "end": {"drained in, s": run.drain_s},
    }
    details = {"dealt": run.dealt, "recoveries": recovered}
    return Report(f"backdesk, seed {size.seed}, {size.seconds / 60:g} min", figures, findings, details)


def _conditions(size: Size, server: str) -> dict[str, Any]:
    crews = ", ".join(f"{crew.workers} x {crew.queue} ({crew.pool}, {crew.slots} slots)" for crew in size.crews)
    load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end"
    settings = size.overrides or "the defaults"
    return {"server": server, "workers": crews, "settings": settings, "appendfsync": size.fsync, "machine": load}


def _work(evidence: Evidence, size: Size) -> dict[str, Any]:
    jobs = evidence.jobs.values()
    states = Counter(str(job.record.state) for job in jobs)
    runs, ended = len(evidence.runs), sum(run.ended is not None for run in evidence.runs)
    asked = sum(entry.times for entry in evidence.entries)
    completed = sum(len(job.completed) for job in jobs)
    return {
        "jobs": len(jobs),
        **states,
        "of them archived": len(evidence.archived),
        "of them children": sum(job.record.parent is not None for job in jobs),
        "jobs a minute": round(60 * len(jobs) / size.seconds),
        "attempts": sum(job.record.attempt for job in jobs),
        "attempts lost with their worker": sum(past.outcome == "lost" for job in jobs for past in job.record.attempts),
        "steps completed": completed,
        "step executions": f"{runs}, {ended} to their end",
        "idempotent effects": f"{len(evidence.entries)}, asked for {asked} times",
        "unsafe effects": len(evidence.charges),
        "events": sum(len(job.events) for job in jobs),
    }


def _times(values: Sequence[float]) -> dict[str, Any] | str:
    times = Times.of(values)
    return asdict(times) if times else "none"


def show(report: Report) -> None:
    """Print it."""
    console = Console()
    console = console if console.is_terminal else Console(width=WIDTH)
    table = Table("what", "", title=report.title)
    for section, figures in report.figures.items():
        table.add_section()
        table.add_row(f"[bold]{section}[/]", "")
        for name, value in figures.items():
            table.add_row(name, _plain(value))
    console.print(table)
    for finding in report.findings:
        console.print(f"[green]ok[/]      {finding.name}" if finding.ok else f"[red]FAILED[/]  {finding.name}")
        for offender in finding.offenders[:SHOWN]:
            console.print(f"          {offender}", markup=False)
        if len(finding.offenders) > SHOWN:
            console.print(f"          and {len(finding.offenders) - SHOWN} more")


def as_json(report: Report) -> str:
    """Return everything, all offenders included."""
    return json.dumps({**asdict(report), "ok": report.ok}, indent=2, default=str)


def as_markdown(report: Report) -> str:
    """Return the same in Markdown."""
    lines = [f"## {report.title}", "", "| | |", "| --- | --- |"]
    for section, figures in report.figures.items():
        lines += [f"| **{section}** | |", *(f"| {name} | {_plain(value)} |" for name, value in figures.items())]
    lines += ["", *(f"- {'ok' if finding.ok else 'FAILED'}: {finding.name}" for finding in report.findings), ""]
    return "\n".join(lines)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    return str(value)
