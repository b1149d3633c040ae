"""Limits and settings of tenants, kinds and queues: values, how they are checked, how dispatch reads them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator
from pydantic_core import from_json, to_json

from backdesk.worker.model.job import MAX_PRIORITY, Name

_UNITS_US = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_UNIT_NAMES = {"s": "s", "sec": "s", "second": "s", "m": "m", "min": "m", "minute": "m"}
_UNIT_NAMES |= {"h": "h", "hour": "h", "d": "d", "day": "d"}
_RATE = re.compile(r"\s*([0-9]{1,18})\s*(?:/|per)\s*([a-z]+?)\s*", re.IGNORECASE)
#: More jobs a second than one Redis dispatches; a rate over it is a mistake of units.
FASTEST_PER_S = 100_000
#: More than any fleet has slots.
MOST_RUNNING = 1_000_000
#: More than any Redis holds.
MOST_JOBS, MOST_BYTES = 1_000_000_000, 2**50


class Rate(BaseModel):
    """So many jobs in a time: `count` (at least 1) per `unit` (s, m, h or d)."""

    model_config = ConfigDict(frozen=True)

    count: int = Field(ge=1)
    unit: Literal["s", "m", "h", "d"]

    @model_validator(mode="after")
    def _can_be_kept(self) -> Rate:
        if self.interval_us < 1_000_000 / FASTEST_PER_S:
            raise ValueError(f"must be at most {FASTEST_PER_S} per second")
        return self

    @property
    def interval_us(self) -> float:
        """The time between two jobs in µs."""
        return _UNITS_US[self.unit] / self.count

    def __str__(self) -> str:
        return f"{self.count}/{self.unit}"


def read_rate(value: object) -> object:
    """Return the fields of a rate written as `60/m`; what is no text is returned as it is. Raises ValueError."""
    if not isinstance(value, str):
        return value
    found = _RATE.fullmatch(value)
    unit = _UNIT_NAMES.get(found[2].lower()) if found else None
    if not found or unit is None:
        raise ValueError(f"{value!r} must be a number per s, m, h or d, such as 60/m")
    return {"count": int(found[1]), "unit": unit}


RateText = Annotated[Rate, BeforeValidator(read_rate), PlainSerializer(str)]
#: A limit that is set: a value, or explicitly none. A limit that is not set is that of every tenant.
NoLimit = Literal["none"]
NO_LIMIT: NoLimit = "none"


class Pause(BaseModel):
    """That no job may begin: since when, by whom, and why. `alone` when nothing else is set, so that nothing stays."""

    model_config = ConfigDict(frozen=True)

    since: AwareDatetime
    by: str = Field("", max_length=128)
    note: str = Field("", max_length=500)
    alone: bool = False


class JobLimits(BaseModel):
    """How many slots jobs may take at once, and how often one may begin. None is not set.

    `burst` is how many may begin at once after a rest; without one it is 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_running: Annotated[int, Field(ge=0, le=MOST_RUNNING, strict=True)] | NoLimit | None = None
    """0 lets none begin: a pause."""
    rate: RateText | NoLimit | None = None
    burst: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | None = None
    paused: Pause | None = None
    """None begins for now. What else is set stays, and holds again afterwards."""

    @model_validator(mode="after")
    def _burst_of_a_rate(self) -> JobLimits:
        if self.burst is not None and not isinstance(self.rate, Rate):
            raise ValueError("burst: is about a rate; give one")
        return self

    @property
    def policy(self) -> str:
        """What dispatch reads (lua/limits.lua): weight, most at once, µs between two, burst, and all of it as JSON."""
        interval = f"{self.rate.interval_us:.6f}" if isinstance(self.rate, Rate) else _word(self.rate)
        most = "0" if self.paused else _word(self.max_running)
        parts = (self._weight, most, interval, _word(self.burst))
        return f"{' '.join(parts)} {self.model_dump_json(exclude_none=True)}"

    @property
    def _weight(self) -> str:
        return "~"


class TenantSettings(JobLimits):
    """What applies to a tenant. None is not set: then it is as for every tenant (`EVERY_TENANT`), else the default.

    The defaults: weight 1, no limits but BACKDESK_MAX_TENANT_JOBS and _BYTES, no budgets, all kinds, priority 5.
    """

    weight: Annotated[float, Field(ge=0.01, le=1000, allow_inf_nan=False, strict=True)] | None = None
    """Its share of the workers, beside those of the other tenants that have work."""
    tokens_per_day: Annotated[int, Field(ge=1, strict=True)] | NoLimit | None = None
    cost_per_day_usd: Annotated[Decimal, Field(gt=0, allow_inf_nan=False, decimal_places=6)] | NoLimit | None = None
    on_budget: Literal["fail", "approve", "cheaper"] | None = None
    """What happens to a job at a daily budget."""
    kinds: Annotated[tuple[Name, ...], Field(min_length=1)] | NoLimit | None = None
    """The kinds it may have jobs of."""
    max_jobs: Annotated[int, Field(ge=0, le=MOST_JOBS, strict=True)] | NoLimit | None = None
    """How many jobs it may have that have not ended; the next ones are refused."""
    max_bytes: Annotated[int, Field(ge=0, le=MOST_BYTES, strict=True)] | NoLimit | None = None
    """How many bytes their requests may have."""
    priority: Annotated[int, Field(ge=0, le=MAX_PRIORITY, strict=True)] | None = None
    """Priority of jobs that name none."""

    @property
    def _weight(self) -> str:
        return _word(self.weight)

    @property
    def stored(self) -> dict[str, str]:
        """The settings that are kept in the tenant's hash, each as text."""
        fields: dict[str, Any] = self.model_dump(mode="json", exclude_none=True, exclude={"paused"})
        return {name: value if isinstance(value, str) else to_json(value).decode() for name, value in fields.items()}


def _word(value: float | str | None) -> str:
    if value is None:
        return "~"
    return "-" if value == "none" else f"{value:.6g}" if isinstance(value, float) else str(value)


def read_policy(text: str) -> dict[str, Any]:
    """Return the fields of the limits that a policy was made from."""
    fields: dict[str, Any] = from_json(text.split(" ", 4)[4])
    return fields


def read_pause(policy: str) -> Pause | None:
    """Return the pause in a policy ("" for none), if there is one."""
    fields = read_policy(policy) if policy else {}
    return Pause.model_validate(fields["paused"]) if fields.get("paused") else None


def tenant_scope(tenant: str) -> str:
    """Name what applies to all jobs of a tenant."""
    return f"tenant {tenant}"


def scope_of(*, tenant: str | None = None, kind: str | None = None, queue: str | None = None) -> str:
    """Name what limits are about: a kind, a kind of a tenant, or a queue. Raises ValueError for anything else."""
    if queue is not None and tenant is None and kind is None:
        return f"queue {queue}"
    if kind is not None and queue is None:
        return f"tenant {tenant} kind {kind}" if tenant is not None else f"kind {kind}"
    raise ValueError("limits are about a kind, a kind of a tenant, or a queue; a tenant's are among its settings")
