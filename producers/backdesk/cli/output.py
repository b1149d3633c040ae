"""Where a command's words go: results to standard output, diagnostics to standard error, JSON unmixed with text."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from backdesk.cli.errors import ErrorReport
from backdesk.cli.safe_text import safe_block, safe_line

#: Columns of a table where no terminal sets a width: wide enough that ids are never cut.
PIPE_COLUMNS = 180

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]


class Output:
    """What one command prints. With `as_json`, text for people is dropped, so that a command need not ask."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        width = None if sys.stdout.isatty() else PIPE_COLUMNS
        self.console = Console(markup=False, highlight=False, emoji=False, width=width)
        self.errors = Console(markup=False, highlight=False, emoji=False, stderr=True)

    @property
    def live(self) -> bool:
        """Whether a person watches on a terminal that can redraw."""
        return not self.as_json and sys.stdout.isatty() and not self.console.is_dumb_terminal

    def document(self, value: Any) -> None:
        """Print one JSON document on one line, in ASCII: it cannot steer a terminal, and fits any encoding."""
        if self.as_json:
            print(json.dumps(to_jsonable_python(value, inf_nan_mode="constants")), flush=True)

    def line(self, text: str, style: str = "") -> None:
        """Print one line for people; a terminal wraps it."""
        if not self.as_json:
            self.console.print(Text(safe_block(text).replace("\n", " "), style), soft_wrap=True)

    def block(self, text: str, style: str = "") -> None:
        """Print lines for people."""
        if not self.as_json:
            self.console.print(Text(safe_block(text), style), soft_wrap=True)

    def show(self, renderable: RenderableType) -> None:
        """Print something that was made of safe text, such as a table."""
        if self.as_json:
            return
        with self.console.capture() as capture:
            self.console.print(renderable)
        for line in capture.get().splitlines():
            # A table pads its last column, which is of no use to whoever reads a pipe.
            self.console.file.write(f"{line.rstrip()}\n")

    def note(self, text: str, style: str = "") -> None:
        """Print a diagnostic."""
        self.errors.print(Text(safe_line(text), style), soft_wrap=True)

    def confirmed(self, question: str) -> bool:
        """Ask a person at a terminal; True where there is none to ask."""
        if self.as_json or not sys.stdin.isatty():
            return True
        try:
            return self.console.input(Text(f"{safe_line(question)} [y/N] ")).strip().lower() in {"y", "yes"}
        except EOFError:
            return False

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show that something takes its time."""
        if self.live:
            with self.console.status(Text(text)):
                yield
        else:
            self.line(f"{text} ...")
            yield

    def failure(self, report: ErrorReport) -> None:
        """Report why the command failed: JSON on standard output, or a line on standard error."""
        self.refusal({}, report)

    def refusal(self, about: dict[str, Any], report: ErrorReport) -> None:
        """Report why one of several things was not done; JSON begins with what it is about."""
        if self.as_json:
            self.document(about | report.document())
            return
        self.errors.print(Text.assemble(("Error: ", "bold red"), safe_line(report.message)), soft_wrap=True)
        if report.log:
            self.errors.print(Text(safe_block(report.log), "dim"), soft_wrap=True)


def table(*columns: str, keep: tuple[str, ...]) -> Table:
    """Return an empty table; the columns in `keep` are never cut or wrapped."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, no_wrap=column in keep, overflow="fold")
    return made


def facts(rows: Iterator[tuple[str, str]]) -> Table:
    """Return a table of names and values."""
    made = Table(box=None, pad_edge=False, show_header=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(Text(name), Text(value))
    return made
