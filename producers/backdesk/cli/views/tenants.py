"""Tenants as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from backdesk.cli.options.moments import rough_span
from backdesk.cli.output import Output, facts
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.columns import fitted
from backdesk.client.operations.tenants import Setting, TenantStatus
from backdesk.worker.model.budget import DaySpending
from backdesk.worker.model.job import EVERY_TENANT

_COLUMNS = ("tenant", "weight", "running", "queued", "limited", "rate", "tokens/day", "cost/day", "priority", "kinds")
#: Columns that are left out where there is no room for all, one after the other.
_DISPENSABLE = ("kinds", "priority", "cost/day", "tokens/day", "rate", "weight")
_NUMBERS = ("weight", "running", "queued", "limited", "tokens/day", "cost/day", "priority")
_ORIGINS = {"own": "own", "every_tenant": "every tenant's", "built_in": "built in"}


def named(tenant: str) -> str:
    """Return what a tenant is called in a sentence."""
    return "every tenant" if tenant == EVERY_TENANT else tenant


def show_tenants(tenants: Sequence[TenantStatus], out: Output) -> None:
    """Print tenants, a line each."""
    rows = [_row(each) for each in tenants]
    out.show(fitted(_COLUMNS, rows, width=out.console.width, dispensable=_DISPENSABLE, numbers=_NUMBERS))


def _row(status: TenantStatus) -> list[Text | str]:
    its = status.settings
    every = status.tenant == EVERY_TENANT
    most = Setting(value="paused", origin="own") if status.paused else its["max_running"]
    running = Text("" if every else str(status.running))
    if most.value is not None:
        running.append(f"{'at most ' if every else '/'}{most.value}", _style(most))
    return [
        Text("every tenant", "italic") if every else status.tenant,
        _cell(its["weight"], _plain(its["weight"].value)),
        running,
        "" if every else str(status.queued),
        Text(str(status.limited or ""), "yellow"),
        _cell(its["rate"], _rate(its)),
        _cell(its["tokens_per_day"], _plain(its["tokens_per_day"].value)),
        _cell(its["cost_per_day_usd"], _money(its["cost_per_day_usd"].value)),
        _cell(its["priority"], _plain(its["priority"].value)),
        _cell(its["kinds"], _kinds(its["kinds"].value, "")),
    ]


def _style(setting: Setting) -> str:
    return "" if setting.origin == "own" else "dim"


def _cell(setting: Setting, shown: str) -> Text:
    return Text(shown, _style(setting))


def show_tenant(status: TenantStatus, out: Output) -> None:
    """Print everything about a tenant."""
    out.show(facts(_facts(status)))


def _facts(status: TenantStatus) -> Iterator[tuple[str, str]]:
    its = status.settings
    yield "tenant", f"{named(status.tenant)}{', paused' if status.paused else ''}"
    for name, shown in _settings(its):
        setting = its[name]
        yield (
            _LABELS[name],
            shown
            if status.tenant == EVERY_TENANT and setting.origin != "built_in"
            else (f"{shown} ({_ORIGINS[setting.origin]})"),
        )
    if status.tenant == EVERY_TENANT:
        return
    yield "queued", f"{status.queued}{f', of which {status.limited} limited' if status.limited else ''}"
    yield "running", str(status.running)
    yield "not ended", f"{status.jobs} jobs with {status.bytes} bytes of requests"
    if status.attached:
        yield "attached", f"{status.attached} bytes of files"
    yield "spent today", f"{spent_tokens(status.spent) or 0} tokens, {spent_cost(status.spent) or '$0'}"
    if status.next_at:
        yield (
            "next begins",
            f"in {rough_span(max((status.next_at - datetime.now(UTC)).total_seconds(), 0))}, by its rate",
        )


_LABELS = {
    "weight": "weight",
    "max_running": "running at most",
    "rate": "rate",
    "tokens_per_day": "tokens per day",
    "cost_per_day_usd": "cost per day",
    "on_budget": "at a budget",
    "kinds": "kinds",
    "max_jobs": "jobs at most",
    "max_bytes": "bytes at most",
    "priority": "priority",
}


def _settings(its: dict[str, Setting]) -> Iterator[tuple[str, str]]:
    yield "weight", _plain(its["weight"].value)
    yield "max_running", _plain(its["max_running"].value) or "no limit"
    yield "rate", _rate(its) or "no limit"
    yield "tokens_per_day", _plain(its["tokens_per_day"].value) or "no limit"
    yield "cost_per_day_usd", _money(its["cost_per_day_usd"].value) or "no limit"
    yield "on_budget", _ON_BUDGET.get(its["on_budget"].value, "")
    yield "kinds", _kinds(its["kinds"].value, "all")
    yield "max_jobs", _plain(its["max_jobs"].value) or "no limit"
    yield "max_bytes", _plain(its["max_bytes"].value) or "no limit"
    yield "priority", _plain(its["priority"].value)


_ON_BUDGET = {
    "fail": "jobs fail",
    "approve": "jobs wait for approval",
    "cheaper": "jobs go on by cheaper means",
}


def spent_tokens(spent: DaySpending | None) -> str:
    """Return how many tokens were spent, empty for none."""
    return str(spent.tokens) if spent and spent.tokens else ""


def spent_cost(spent: DaySpending | None) -> str:
    """Return what was spent in dollars, as far as prices are known; empty for nothing."""
    if spent is None or not (spent.known_cost_usd or spent.unpriced_calls):
        return ""
    return f"${spent.known_cost_usd:.4g}{' and more' if spent.unpriced_calls else ''}"


def _plain(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _money(value: Any) -> str:
    return "" if value is None else f"${value}"


def _rate(its: dict[str, Setting]) -> str:
    rate, burst = its["rate"].value, its["burst"].value
    return "" if rate is None else f"{rate}{f', burst {burst}' if burst and burst > 1 else ''}"


def _kinds(value: Any, every: str) -> str:
    return safe_line(", ".join(value)) if value else every
