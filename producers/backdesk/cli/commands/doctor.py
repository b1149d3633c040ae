"""`backdesk doctor`: is the deployment fit to run, and if not, what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer
from rich.text import Text

from backdesk.cli.commands.declared_tools import examine_declared
from backdesk.cli.commands.examinations import Finding, Level, examine, examine_model
from backdesk.cli.commands.tool_findings import examine_tools
from backdesk.cli.connection import connected
from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.cli.output import AsJson, Output, table
from backdesk.cli.safe_text import safe_line
from backdesk.client.deployment import Deployment, find_deployment

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def doctor(as_json: AsJson = False) -> None:
    """Examine the deployment: Redis and its settings, workers, kinds, queues, clocks, the model, tools.

    For example:

        backdesk doctor --json | jq '.findings[] | select(.level != "ok")'

    Exits with 0 unless a finding is a failure: then with 3 if Redis cannot be reached, else with 1.

    """
    out = Output(as_json=as_json)
    deployment = find_deployment()
    findings, reached = _examine(deployment)
    fails = any(finding.level is Level.FAIL for finding in findings)
    out.document({"ok": not fails, "findings": [_document(finding) for finding in findings]})
    show_findings(findings, out)
    if fails:
        raise typer.Exit(ExitCode.FAILED if reached else ExitCode.NO_CONNECTION)


def _examine(deployment: Deployment) -> tuple[list[Finding], bool]:
    try:
        with connected(deployment) as client:
            return [*examine(client, deployment), *_examine_here(deployment)], True
    except CommandFailed as error:
        unreachable = Finding("redis", Level.FAIL, str(error).partition("; ")[0], str(error).partition("; ")[2])
        return [unreachable, *_examine_here(deployment)], False


def _examine_here(deployment: Deployment) -> list[Finding]:
    return [examine_model(), *examine_tools(), *examine_declared(deployment.settings)]


def _document(finding: Finding) -> dict[str, Any]:
    told = {"check": finding.check, "level": finding.level, "detail": finding.detail, "fix": finding.fix}
    return told | ({"settings": [asdict(setting) for setting in finding.settings]} if finding.settings else {})


def show_findings(findings: list[Finding], out: Output) -> None:
    rows = table("", "check", "finding", keep=("check",))
    for finding in findings:
        told = Text(safe_line(finding.detail))
        if finding.fix:
            told.append(f"\n→ {safe_line(finding.fix)}", _STYLES[finding.level])
        rows.add_row(Text(finding.level, _STYLES[finding.level]), Text(finding.check), told)
    out.show(rows)
