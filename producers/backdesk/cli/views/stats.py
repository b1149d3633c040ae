"""What jobs came to, as tables that fit a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.table import Table
from rich.text import Text

from backdesk.cli.options.moments import shown_span
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.columns import Cell, fitted
from backdesk.cli.views.measures import figure
from backdesk.client.operations.stats import Distribution, EndedJobs, JobStats, Stats
from backdesk.worker.model.job import JobState

#: A share of failures from which on it is shown in red.
ALARMING = 0.1


def stats_table(found: Stats, *, width: int) -> Table:
    """Return a line for each group, and one for all if there are several. Columns without a figure are left out."""
    groups = _with_total(found)
    columns = {title: cell for title, cell in _COLUMNS.items() if found.by == "variant" or title not in _OF_VARIANTS}
    shown = {title: [cell(group) for group in groups] for title, cell in columns.items()}
    kept = {title: cells for title, cells in shown.items() if any(map(str, cells))}
    rows = [[_name(group), *cells] for group, *cells in zip(groups, *kept.values(), strict=True)]
    dispensable = [title for title in _DISPENSABLE if title in kept]
    return fitted((found.by, *kept), rows, width=width, dispensable=dispensable, numbers=tuple(kept))


def measures_table(found: Stats, names: Sequence[str], *, width: int) -> Table:
    """Return a line for each of these measures in each group that has it."""
    rows = [[name, *cells] for group in _with_total(found) for name, *cells in _measured(group, names)]
    return fitted(
        (found.by, "measure", *_FIGURES), rows, width=width, dispensable=("sum", "min", "max", "mean"), numbers=_FIGURES
    )


_FIGURES = ("jobs", "sum", "mean", "min", "p50", "p95", "max")


def _measured(group: JobStats, names: Sequence[str]) -> Iterator[list[Cell]]:
    title = _name(group)
    for name in names:
        if (its := group.measures.get(name)) is not None:
            figures = (its.sum, its.mean, its.min, its.p50, its.p95, its.max)
            yield [title, name, str(its.count), *map(figure, figures)]
            title = Text("")


def _with_total(found: Stats) -> list[JobStats]:
    # A job may be of several variants, or of none.
    return [*found.groups, found.total] if len(found.groups) > 1 and found.by != "variant" else found.groups


def _name(group: JobStats) -> Text:
    return Text(safe_line(group.name))


def failed_share(ended: EndedJobs) -> Cell:
    """Return the share that failed, in red where it is high."""
    share = ended.failed_share
    if share is None:
        return ""
    return Text(f"{share:.1%}" if 0 < share < 0.1 else f"{share:.0%}", "bold red" if share >= ALARMING else "")


def _tokens(group: JobStats) -> str:
    both = [group.measures[name].sum for name in ("input_tokens", "output_tokens") if name in group.measures]
    return figure(sum(both)) if both else ""


def _cost(group: JobStats) -> str:
    """The cost of all jobs; marked where that of some is not known."""
    asked, cost = group.measures.get("requests"), group.measures.get("cost_usd")
    if cost is None:
        return "unknown" if asked else ""
    return usd(cost.sum) + ("+" if asked and asked.count > cost.count else "")


def usd(value: float) -> str:
    """Return an amount for people: `1,204.50`, `0.0021`."""
    return f"{value:,.2f}" if value >= 1 or value == 0 else f"{value:.2g}"


def _of(name: str, tell: Callable[[Distribution], str]) -> Callable[[JobStats], str]:
    return lambda group: tell(group.measures[name]) if name in group.measures else ""


_COLUMNS: dict[str, Callable[[JobStats], Cell]] = {
    "jobs": lambda group: figure(group.jobs),
    "ok": lambda group: figure(group.states[JobState.SUCCEEDED]),
    "failed": failed_share,
    "run p50": _of("run_seconds", lambda its: shown_span(its.p50)),
    "p95": _of("run_seconds", lambda its: shown_span(its.p95)),
    "first token": _of("first_token_seconds", lambda its: shown_span(its.p50)),
    "tokens/s": _of("tokens_per_second", lambda its: figure(round(its.p50, 1))),
    "tokens": _tokens,
    "USD": _cost,
    "USD p50": _of("cost_usd", lambda its: usd(its.p50)),
    "USD p95": _of("cost_usd", lambda its: usd(its.p95)),
    "quality": _of("quality", lambda its: f"{its.mean:.2f}"),
    "corrections": _of("corrections", lambda its: figure(its.sum)),
    "hand-offs": _of("handoffs", lambda its: figure(its.sum)),
    "fallbacks": _of("degraded", lambda its: figure(its.sum)),
    "escalated": _of("escalated", lambda its: figure(its.sum)),
    "csat": _of("csat", lambda its: f"{its.mean:.1f}"),
}
#: What is shown of variants alone, which are compared with each other.
_OF_VARIANTS = frozenset({"USD p50"})
#: What is left out first where there is no room.
_DISPENSABLE = ("hand-offs", "corrections", "USD p95", "ok", "tokens/s", "tokens", "first token", "quality")
