"""What a job has spent of its budget, as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from backdesk.cli.options.moments import shown_span
from backdesk.worker.model.budget import Budget, OnLimit, Spent, shown
from backdesk.worker.model.job import JobRecord

_COUNTS = {"tokens": "tokens", "model_calls": "model calls", "tool_calls": "tool calls"}
_WORDS = {
    OnLimit.FAIL: "at the limit it fails",
    OnLimit.APPROVE: "at the limit a person is asked",
    OnLimit.CHEAPER: "at the limit it goes on by cheaper means",
}


def budget_facts(record: JobRecord) -> Iterator[tuple[str, str]]:
    """Yield a line for each limit of a job's budget, with what is spent of it."""
    budget, spent = record.budget, record.spent or Spent()
    if budget is None:
        return
    lines = [*_limits(budget, spent, record.finished_at or datetime.now(UTC))]
    for position, line in enumerate(lines):
        yield "" if position else "budget", line
    yield "", _WORDS[budget.on_limit] + _passed(spent)


def budget_text(budget: Budget) -> str:
    """Return a budget as one line, in the words in which it can be given."""
    fields = budget.model_dump(mode="json", exclude_none=True).items()
    return ", ".join(f"{name}={value if isinstance(value, str) else shown(value)}" for name, value in fields)


def cost_text(cost_usd: float | None) -> str:
    """Return a cost; one that is not known is never a number."""
    return "cost unknown" if cost_usd is None else f"{shown(cost_usd)} USD"


def _limits(budget: Budget, spent: Spent, now: datetime) -> Iterator[str]:
    for name, unit in _COUNTS.items():
        if (limit := getattr(budget, name)) is not None:
            yield f"{shown(getattr(spent, name))} of {shown(limit)} {unit} spent"
    if budget.cost_usd is not None:
        unknown = f", and {spent.unpriced_calls} calls of unknown price" if spent.unpriced_calls else ""
        yield f"{shown(spent.known_cost_usd)} of {shown(budget.cost_usd)} USD spent{unknown}"
    if budget.wall_s is not None:
        took = (now - spent.began_at).total_seconds() if spent.began_at else 0.0
        yield f"{shown_span(max(took, 0.0))} of {shown_span(budget.wall_s)} passed"


def _passed(spent: Spent) -> str:
    times = "once" if spent.grants == 1 else f"{spent.grants} times"
    granted = f"; as much again was granted {times}" if spent.grants else ""
    return granted + ("; it does so now" if spent.cheaper else "")
