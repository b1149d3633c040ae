"""`backdesk new task`: a kind of one's own that works, with its test, to be changed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from backdesk.cli.commands.scaffold import Scaffold, scaffold
from backdesk.cli.output import AsJson, Output
from backdesk.worker.settings import load_settings

Name = Annotated[str, typer.Argument(metavar="NAME", help="What producers will ask for, such as invoices.explain.")]
Folder = Annotated[Path, typer.Option(help="Where the files are written.")]
Agent = Annotated[bool, typer.Option("--agent/--plain", help="An agent with a tool, or a function without a model.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")]


def task(
    name: Name,
    *,
    folder: Folder = Path(),
    agent: Agent = True,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Begin a kind of your own: a module that works as it is, and its test.

    For example:

        backdesk new task invoices.explain
        backdesk new task invoices.count --plain --folder src

    No file that is there is changed. docs/write_your_own.md goes on from here. With --json: the kind, its module, the
    files (with --dry-run their text), and the commands that follow.

    """
    out = Output(as_json=as_json)
    made = scaffold(name, folder, "agent" if agent else "plain")
    if not dry_run:
        made.write()
    commands = _next(made, agent=agent)
    texts = {str(path): text if dry_run else None for path, text in made.files.items()}
    out.document({"kind": made.kind, "module": made.module, "files": texts, "written": not dry_run, "next": commands})
    for path, text in made.files.items():
        out.line(f"{'would write' if dry_run else 'wrote'} {path}", "bold")
        if dry_run:
            out.block(text)
    out.line("")
    for purpose, command in commands.items():
        out.line(f"{purpose}:", "dim")
        out.line(f"  {command}")


def _next(made: Scaffold, *, agent: bool) -> dict[str, str]:
    """Return what to type next, by what it is for."""
    modules = dict.fromkeys((*load_settings().task_modules, made.module))
    field = '--message "What are your opening hours?"' if agent else '--text "one two three"'
    return {
        "test it": f"python -m pytest {shlex.quote(str(made.test))}",
        "have workers run it": f"export BACKDESK_TASK_MODULES={','.join(modules)}",
        "start them, from the folder in which Python finds the module": "backdesk up",
        "submit it, in another terminal": f"backdesk submit {made.kind} {field} --watch",
    }


#: The commands of `backdesk new`, by name.
COMMANDS = {"task": task}
