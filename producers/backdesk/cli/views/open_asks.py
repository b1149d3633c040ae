"""What jobs ask of people, a line each, with the question and the command that answers it beneath."""

from __future__ import annotations

from collections.abc import Sequence

from backdesk.cli.output import Output
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.asks import ask_text, hint, time_left
from backdesk.cli.views.fitted_table import show_fitted
from backdesk.cli.views.record import age
from backdesk.worker.model.asks import OpenAsk

_COLUMNS = ("job", "kind", "tenant", "asked", "time")
#: Columns that are left out where there is no room for all, one after the other.
_DISPENSABLE = ("tenant", "asked")


def show_open_asks(asks: Sequence[OpenAsk], out: Output) -> None:
    """Print them."""
    for each in show_fitted(asks, out, cells=_cells, style=_style, dispensable=_DISPENSABLE):
        facts = ", ".join(f"{name}: {value}" for name, value in each.ask.facts.items())
        asked = f"{ask_text(each.ask)} ({facts})" if facts else ask_text(each.ask)
        out.line(f"  {safe_line(asked, out.console.width - 2)}", "yellow")
        out.line(f"  {hint(each.job_id, [each.ask])}", "cyan")


def _cells(each: OpenAsk) -> dict[str, str]:
    cells = (each.job_id, safe_line(each.kind), each.tenant, f"{age(each.asked_at)} ago", time_left(each.ask))
    return dict(zip(_COLUMNS, cells, strict=True))


def _style(each: OpenAsk, column: str) -> str:
    return "yellow" if column == "time" and each.ask.expires_at else ""
