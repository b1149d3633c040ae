"""What tenants have spent, day by day in UTC."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Commands, Operation
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.budget import DayLimits, DaySpending, OnLimit, read_spent

#: How long a day's spending is kept.
DAYS_KEPT = 40
#: The settings of all tenants.
EVERYBODY = "*"
_SETTINGS = ("tokens_per_day", "cost_per_day_usd", "on_budget")

# Named here because inside the clients `list` is a method.
DaySpendings = list[DaySpending]


class SpendingOperations:
    """The operations that read what was spent."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core

    def of(self, tenant: str, days: int) -> Operation[DaySpendings]:
        """Return what a tenant has spent on the last days, today first; raises InvalidRequest."""
        if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= DAYS_KEPT:
            raise InvalidRequest("days", f"{days!r} must be a whole number from 1 to {DAYS_KEPT}")
        today = yield from self._today()
        asked = [(tenant, (today - timedelta(days=ago)).date().isoformat()) for ago in range(days)]
        return (yield from self._read(asked))

    def today(self) -> Operation[DaySpendings]:
        """Return what each tenant has spent today, by name."""
        day = (yield from self._today()).date().isoformat()
        (names,) = yield Commands([("SMEMBERS", self._core.keys.spenders(day))])
        return (yield from self._read([(name, day) for name in sorted(name.decode() for name in names)]))

    def today_of(self, tenants: Sequence[str]) -> Operation[DaySpendings]:
        """Return what each of these tenants has spent today, in their order."""
        if not tenants:
            return []
        day = (yield from self._today()).date().isoformat()
        return (yield from self._read([(tenant, day) for tenant in tenants]))

    def _today(self) -> Operation[datetime]:
        ((seconds, _),) = yield Commands([("TIME",)])
        return datetime.fromtimestamp(seconds, UTC)

    def _read(self, asked: Sequence[tuple[str, str]]) -> Operation[DaySpendings]:
        tenants = sorted({tenant for tenant, _ in asked})
        settings = [("HMGET", self._core.keys.tenant(name), *_SETTINGS) for name in (EVERYBODY, *tenants)]
        days = [("HGETALL", self._core.keys.spent_day(tenant, day)) for tenant, day in asked]
        everybodys, *replies = yield Commands([*settings, *days])
        limits = {tenant: _limits(own, everybodys) for tenant, own in zip(tenants, replies, strict=False)}
        each = zip(asked, replies[len(tenants) :], strict=True)
        return [_spending(tenant, day, raw, limits[tenant]) for (tenant, day), raw in each]


def _spending(tenant: str, day: str, raw: Mapping[bytes, bytes], limits: DayLimits) -> DaySpending:
    return DaySpending.model_validate({"tenant": tenant, "day": day, "limits": limits, **read_spent(raw)})


def _limits(own: Sequence[bytes | None], everybodys: Sequence[bytes | None]) -> DayLimits:
    tokens, cost, on_limit = ((mine or all_ or b"none").decode() for mine, all_ in zip(own, everybodys, strict=True))
    tokens_limit = _number(tokens)
    return DayLimits(
        tokens=None if tokens_limit is None else round(tokens_limit),
        cost_usd=_number(cost),
        on_limit=OnLimit(on_limit) if on_limit in set(OnLimit) else OnLimit.FAIL,
    )


def _number(text: str) -> float | None:
    """Return a limit; what is no number stops the tenant, which is a limit of nothing."""
    if text in {"", "none"}:
        return None
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if 0 <= number < math.inf else 0.0
