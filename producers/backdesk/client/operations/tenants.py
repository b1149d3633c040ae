"""Tenants: what applies to each, where that comes from, and what it has going on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.lines import Line, read_lines
from backdesk.client.operations.operation import Calls, Commands, Operation
from backdesk.client.operations.pace import next_moment, unbegun
from backdesk.client.operations.policies import change_policy, merged
from backdesk.client.operations.spending import SpendingOperations
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.budget import DaySpending
from backdesk.worker.model.job import DEFAULT_PRIORITY, EVERY_TENANT, NAME_PATTERN
from backdesk.worker.model.tenancy import NO_LIMIT, JobLimits, Pause, TenantSettings, read_pause, tenant_scope
from backdesk.worker.store.calls import text

_NAME = re.compile(NAME_PATTERN)
#: Where a setting comes from: it is the tenant's own, that of every tenant, or built in.
Origin = Literal["own", "every_tenant", "built_in"]
#: What applies where nobody has said anything; None is no limit, for `kinds`: all of them.
BUILT_IN: dict[str, Any] = dict.fromkeys(name for name in TenantSettings.model_fields if name != "paused") | {
    "weight": 1.0,
    "burst": 1,
    "on_budget": "fail",
    "priority": DEFAULT_PRIORITY,
}


class Setting(BaseModel):
    """A value that applies, None for no limit, and where it comes from."""

    model_config = ConfigDict(frozen=True)

    value: Any
    origin: Origin


class TenantStatus(BaseModel):
    """What applies to a tenant, and what it has going on.

    `own` tells whether it was set up. `queued` counts the jobs in line, `limited` those of them that a limit of the
    tenant or of a kind holds, `running` the slots of jobs that are delivered to workers or run, as `max_running` counts
    them. `jobs` and `bytes` are its jobs that have not ended, and the bytes of their requests, as `max_jobs` and
    `max_bytes` count them; `attached` are the bytes of its files. `next_at` is when its own rate lets the next job
    begin, None when that is now. `spent` is what it has spent today. While it is `paused` none begins.
    """

    model_config = ConfigDict(frozen=True)

    tenant: str
    own: bool
    paused: Pause | None = None
    settings: dict[str, Setting]
    queued: int = 0
    running: int = 0
    jobs: int = 0
    bytes: int = 0
    attached: int = 0
    limited: int = 0
    next_at: datetime | None = None
    spent: DaySpending | None = None


# Named here because inside the class `list` is a method.
TenantStatuses = list[TenantStatus]


class TenantOperations:
    """The operations on tenants."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core
        settings = core.settings
        self._built_in = BUILT_IN | {"max_jobs": settings.max_tenant_jobs, "max_bytes": settings.max_tenant_bytes}

    def set(self, tenant: str, changes: Mapping[str, Any]) -> Operation[TenantSettings]:
        """Change what is set for a tenant; returns all that is set for it. Raises InvalidRequest."""
        name = checked_name(tenant)
        return (yield from change_policy(self._core, tenant_scope(name), TenantSettings, changes, name))

    def remove(self, tenant: str) -> Operation[bool]:
        """Remove what is set for a tenant; returns whether there was anything."""
        name = checked_name(tenant)
        (removed,) = yield Calls([self._core.transitions.configure(tenant_scope(name), "", name)])
        return bool(removed)

    def get(self, tenant: str) -> Operation[TenantStatus]:
        """Return one, also one that was never heard of."""
        name = checked_name(tenant)
        lines = yield from read_lines(self._core, self._core.settings.queues, tenant=name)
        (status,) = yield from self.statuses([name], lines.lines)
        return status

    def list(self, most: int) -> Operation[tuple[TenantStatuses, int]]:
        """Return the tenants that were set up or have jobs, by name, and how many more there are."""
        keys = self._core.keys
        scopes, known = yield Commands([("HKEYS", keys.policy), ("SMEMBERS", keys.tenants)])
        names = {words[1] for words in map(str.split, map(text, scopes)) if words[0] == "tenant" and len(words) == 2}
        ordered = sorted(names | set(map(text, known)))
        lines = yield from read_lines(self._core, self._core.settings.queues)
        return (yield from self.statuses(ordered[:most], lines.lines)), max(len(ordered) - most, 0)

    def statuses(self, names: Sequence[str], lines: Sequence[Line]) -> Operation[TenantStatuses]:
        """Return what there is to tell of tenants, given the lines of their jobs. Three round trips."""
        if not names:
            return []
        keys, scopes = self._core.keys, [tenant_scope(name) for name in names]
        policies, taken, time, *replies = yield Commands(
            [
                ("HMGET", keys.policy, tenant_scope(EVERY_TENANT), *scopes),
                ("HMGET", keys.flow, *scopes, *map(unbegun, scopes)),
                ("TIME",),
                *(("HMGET", keys.backlog(name), "jobs", "bytes") for name in names),
                *(("GET", keys.rate(scope)) for scope in scopes),
                *(("GET", keys.attached(name)) for name in names),
            ]
        )
        many = len(names)
        backlogs, rates, files = replies[:many], replies[many : 2 * many], replies[2 * many :]
        general, *own = (text(policy) if policy else "" for policy in policies)
        now_us = int(time[0]) * 1_000_000 + int(time[1])
        spent = yield from SpendingOperations(self._core).today_of(names)
        waiting: dict[str, list[Line]] = {}
        for line in lines:
            waiting.setdefault(line.tenant, []).append(line)
        found = []
        each = zip(names, own, taken[:many], taken[many:], rates, spent, backlogs, files, strict=True)
        for name, policy, running, delivered, rate, its_day, backlog, attached in each:
            every = name == EVERY_TENANT
            its = effective(policy, "" if every else general, self._built_in, of_every=every)
            status = TenantStatus(
                tenant=name,
                own=bool(policy),
                paused=read_pause(policy),
                settings=its,
                queued=sum(line.waiting for line in waiting.get(name, ())),
                running=round(float(running or 0)),
                jobs=int(backlog[0] or 0),
                bytes=int(backlog[1] or 0),
                attached=int(attached or 0),
                limited=sum(line.waiting for line in waiting.get(name, ()) if line.held_by),
                next_at=next_moment(_limits(its), rate, delivered, now_us),
                spent=None if every else its_day,
            )
            found.append(status)
        return found


def effective(own: str, general: str, built_in: Mapping[str, Any], *, of_every: bool = False) -> dict[str, Setting]:
    """Return what applies by the policies of a tenant and of every tenant ("" where there is none)."""
    layers: tuple[tuple[Origin, Mapping[str, Any]], ...] = (
        ("every_tenant" if of_every else "own", _said(own)),
        ("every_tenant", _said(general)),
        ("built_in", built_in),
    )
    found = {name: _setting(name, layers) for name in BUILT_IN}
    # A burst belongs to its rate.
    of_rate = next(layer for layer in layers if "rate" in layer[1])
    found["burst"] = _setting("burst", [of_rate, layers[-1]])
    return found


def _setting(name: str, layers: Sequence[tuple[Origin, Mapping[str, Any]]]) -> Setting:
    origin, layer = next(each for each in layers if name in each[1])
    return Setting(value=None if layer[name] == NO_LIMIT else layer[name], origin=origin)


def _said(policy: str) -> dict[str, Any]:
    return merged(TenantSettings, policy, {}).model_dump(mode="json", exclude_none=True) if policy else {}


def _limits(settings: Mapping[str, Setting]) -> JobLimits:
    rate = settings["rate"].value
    return JobLimits(rate=rate, burst=settings["burst"].value if rate else None)


def checked_name(tenant: str) -> str:
    """Return the name of a tenant, or that of every tenant; raises InvalidRequest."""
    if not isinstance(tenant, str) or (tenant != EVERY_TENANT and not _NAME.fullmatch(tenant)):
        raise InvalidRequest("tenant", f"{tenant!r} is no name of a tenant")
    return tenant
