"""Budgets: what a job may spend, what has been spent, and what something that costs is expected to take. Plain values.

Money is in US dollars here and in whole millionths of one in Redis; a part of a millionth counts as a whole one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category, Severity

#: Millionths of a dollar.
MICRO = 1_000_000
#: What is more than this is a mistake of units.
MOST_COUNTED = 10**12
MOST_USD = 1_000_000.0
LONGEST_WALL_S = 3650 * 86_400.0


class OnLimit(StrEnum):
    """What becomes of a job that reaches a limit of a budget."""

    #: It fails.
    FAIL = "fail"
    #: It waits until a person lets it spend as much again.
    APPROVE = "approve"
    #: It goes on by cheaper means, for at most as much again, and then fails.
    CHEAPER = "cheaper"


Count = Annotated[int, Field(strict=True, gt=0, le=MOST_COUNTED)]


class Budget(BaseModel):
    """What a job may spend, all of its attempts and all the jobs that it calls included; at least one limit.

    `wall_s` is time by the clock on the wall, from the first start of the job on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: Count | None = None
    cost_usd: Annotated[float, Field(strict=True, ge=1 / MICRO, le=MOST_USD, allow_inf_nan=False)] | None = None
    model_calls: Count | None = None
    tool_calls: Count | None = None
    wall_s: Annotated[float, Field(strict=True, ge=0.001, le=LONGEST_WALL_S, allow_inf_nan=False)] | None = None
    on_limit: OnLimit = OnLimit.FAIL

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if all(value is None for name, value in self if name != "on_limit"):
            raise ValueError("must have at least one of tokens, cost_usd, model_calls, tool_calls, wall_s")
        return self

    def encoded(self) -> str:
        """Return the budget as the store keeps it: JSON with what is set, and what to do."""
        return self.model_dump_json(exclude_none=True)


class Spent(BaseModel):
    """What a job and those that it called, or a tenant on a day, have spent; calls under way count by their estimate.

    `known_cost_usd` is the part of the cost whose price is known; `unpriced_calls` is how many have none. `grants` is
    how often a person has let the job spend as much again, `cheaper` whether it goes on by cheaper means. `jobs` counts
    those of a tenant that have spent something on the day.
    """

    model_config = ConfigDict(frozen=True)

    tokens: int = 0
    known_cost_usd: float = 0.0
    unpriced_calls: int = 0
    model_calls: int = 0
    tool_calls: int = 0
    jobs: int = 0
    grants: int = 0
    cheaper: bool = False
    #: When the time of a budget with `wall_s` began, and when it is over.
    began_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def cost_usd(self) -> float | None:
        """The whole cost; None when the price of a part is not known."""
        return None if self.unpriced_calls else self.known_cost_usd


class DayLimits(BaseModel):
    """What a tenant may spend in a day, by its settings or by those of all tenants; None is no limit."""

    model_config = ConfigDict(frozen=True)

    tokens: int | None = None
    cost_usd: float | None = None
    on_limit: OnLimit = OnLimit.FAIL


class DaySpending(Spent):
    """What a tenant has spent on one day in UTC."""

    tenant: str
    day: str
    limits: DayLimits = DayLimits()


def read_spent(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return the fields of a `Spent` from those of a hash of the store."""
    raw = {name.decode(): value.decode() for name, value in fields.items()}
    counts = {name: max(int(raw.get(name, 0)), 0) for name in ("tokens", "model_calls", "tool_calls", "jobs", "grants")}
    return {
        **counts,
        "known_cost_usd": max(int(raw.get("cost", 0)), 0) / MICRO,
        "unpriced_calls": max(int(raw.get("unpriced", 0)), 0),
        "cheaper": "cheaper" in raw,
        "began_at": _moment(raw.get("began")),
        "ends_at": _moment(raw.get("ends_at")),
    }


def _moment(ms: str | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(int(ms) / 1000, UTC)


@dataclass(frozen=True, slots=True)
class Amount:
    """Something spent. A cost of None is not known, which is not the same as nothing."""

    tokens: int = 0
    cost_usd: float | None = 0.0
    model_calls: int = 0
    tool_calls: int = 0

    def __post_init__(self) -> None:
        counts = (self.tokens, self.model_calls, self.tool_calls)
        if any(isinstance(count, bool) or not isinstance(count, int) or count < 0 for count in counts):
            raise ValueError(f"tokens and calls must be whole numbers and not negative: {self}")
        if self.cost_usd is not None and not 0 <= self.cost_usd < math.inf:
            raise ValueError(f"a cost must be a number and not negative: {self}")

    @property
    def cost_micro(self) -> int | None:
        """The cost in whole millionths of a dollar, rounded up."""
        # What binary fractions add to a cost must not make another millionth of it.
        return None if self.cost_usd is None else math.ceil(round(self.cost_usd * MICRO, 3))


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a call may take at most: `least` in any case, `more` as far as the budgets have room for it.

    `purpose` says to people what it is for. A cost of None makes a budget in money refuse the call.
    """

    least: Amount
    more: Amount = Amount()
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A limit that stands in the way: of which job's budget, or of which tenant's day, and where it stands.

    Numbers are tokens, calls, seconds, or dollars, as `limit` says. `grants` is how often as much again was granted.
    `pending` says that calls under way hold so much that there may be room when they are settled.
    """

    limit: str
    allowed: float
    spent: float
    wanted: float
    on_limit: OnLimit
    grants: int = 0
    job_id: str = ""
    tenant: str = ""
    day: str = ""
    resets_in_s: float | None = None
    pending: bool = False

    @property
    def pot(self) -> str:
        """What is spent: the budget of a job, by its id, or a day of the job's tenant."""
        return self.job_id or self.day

    @property
    def key(self) -> str:
        """Names the next grant: a later attempt that is refused at the same point has the same."""
        return f"budget:{self.pot}:{self.grants + 1}"

    def __str__(self) -> str:
        unit = {"cost_usd": " USD", "wall_s": " s"}.get(self.limit, f" {self.limit.replace('_', ' ')}")
        more = f", and {shown(self.wanted)} more would be needed" if self.wanted else ""
        whose = f"job {self.job_id}" if self.job_id else f"tenant {self.tenant} on {self.day} (UTC)"
        return f"{whose} has spent {shown(self.spent)} of {shown(self.allowed)}{unit}{more}"


def shown(number: float) -> str:
    """Return a number as people read it: up to six decimals, and no more than it has."""
    return f"{number:,.6f}".rstrip("0").rstrip(".")


class SpendingRefused(TaskError):
    """What comes next may not be spent."""


class BudgetExceeded(SpendingRefused):
    """A budget does not allow what comes next; `refusal` says which and where it stands. Not worth another attempt.

    The code is `budget_exceeded`, or `tenant_budget_exceeded` with the time until the next day as `retry_after_s`.
    """

    def __init__(self, refusal: Refusal, remark: str = "") -> None:
        tenant = bool(refusal.tenant)
        until = "; a new day begins at 00:00 UTC" if tenant else ""
        super().__init__(
            "tenant_budget_exceeded" if tenant else "budget_exceeded",
            f"{refusal}{until}{f'; {remark}' if remark else ''}",
            category=Category.RESOURCE_EXHAUSTION,
            severity=Severity.MEDIUM,
            retry_after_s=refusal.resets_in_s,
        )
        self.refusal = refusal
        self.remark = remark

    def __reduce__(self) -> tuple[type[BudgetExceeded], tuple[Refusal, str]]:
        return (type(self), (self.refusal, self.remark))


class CostUnknown(SpendingRefused):
    """A budget is in money, and what comes next has no known price, so that nobody could hold it to the budget."""

    def __init__(self, whose: str, purpose: str, remedy: str = "") -> None:
        what = f"what {purpose} costs" if purpose else "what the next call costs"
        super().__init__(
            "cost_unknown",
            f"{whose} is limited in money, and {what} is not known{f': {remedy}' if remedy else ''}",
            category=Category.RESOURCE_EXHAUSTION,
            severity=Severity.HIGH,
        )
        self.whose = whose
        self.purpose = purpose
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[CostUnknown], tuple[str, str, str]]:
        return (type(self), (self.whose, self.purpose, self.remedy))


class TenantLimitInvalid(SpendingRefused):
    """A limit in a tenant's settings is no number: nothing is spent until it is put right."""

    def __init__(self, tenant: str, field: str, value: str) -> None:
        super().__init__(
            "tenant_limit_invalid",
            f"the setting {field} of tenant {tenant} is {value!r}: it must be a number, or 'none' for no limit",
            category=Category.VALIDATION,
            severity=Severity.HIGH,
        )
        self.tenant = tenant
        self.field = field
        self.value = value

    def __reduce__(self) -> tuple[type[TenantLimitInvalid], tuple[str, str, str]]:
        return (type(self), (self.tenant, self.field, self.value))
