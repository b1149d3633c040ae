"""How many jobs of a kind, a kind of a tenant, or a queue may run at once, and how often they may begin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Commands, Operation
from backdesk.client.operations.pace import next_moment, unbegun
from backdesk.client.operations.policies import change_policy, policies
from backdesk.client.operations.tenants import checked_name
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.job import EVERY_TENANT, NAME_PATTERN
from backdesk.worker.model.tenancy import JobLimits, scope_of

_NAME = re.compile(NAME_PATTERN)


class JobLimitStatus(BaseModel):
    """What is set for a scope, and how it stands.

    `running` counts the slots of jobs that are delivered to workers or run, None where that is not counted; `held` the
    places that wait for room: in a place are the jobs of a tenant, or those of one kind. `next_at` is when the rate
    lets the next job begin, None when that is now.
    """

    model_config = ConfigDict(frozen=True)

    scope: str
    limits: JobLimits
    running: int | None
    held: int
    next_at: datetime | None = None


# Named here because inside the class `list` is a method.
JobLimitStatuses = list[JobLimitStatus]


class JobLimitOperations:
    """The operations on limits of jobs; those of whole tenants are in `tenants`."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core

    def set(self, scope: str, changes: Mapping[str, Any]) -> Operation[JobLimits]:
        """Change the limits of a scope; returns all that is set for it. Raises InvalidRequest."""
        if all(value is None for value in changes.values()):
            raise InvalidRequest("limits", "give at least one of max_running, rate, burst")
        return (yield from change_policy(self._core, scope, JobLimits, changes))

    def remove(self, scope: str) -> Operation[bool]:
        """Remove the limits of a scope; returns whether there were any."""
        (removed,) = yield Calls([self._core.transitions.configure(scope, "")])
        return bool(removed)

    def list(self) -> Operation[JobLimitStatuses]:
        """Return all of them, by scope."""
        found = yield from policies(self._core, JobLimits, _is_of_jobs)
        if not found:
            return []
        keys, scopes = self._core.keys, [*found]
        taken, time, *replies = yield Commands(
            [
                ("HMGET", keys.flow, *scopes, *map(unbegun, scopes)),
                ("TIME",),
                *(("GET", keys.rate(scope)) for scope in scopes),
                *(("ZCARD", keys.held_by(scope)) for scope in scopes),
            ]
        )
        now_us = int(time[0]) * 1_000_000 + int(time[1])
        return [
            JobLimitStatus(
                scope=scope,
                limits=found[scope],
                running=None if scope.startswith(f"tenant {EVERY_TENANT} ") else round(float(running or 0)),
                held=held,
                next_at=next_moment(found[scope], rate, delivered, now_us),
            )
            for scope, running, delivered, rate, held in zip(
                scopes,
                taken[: len(scopes)],
                taken[len(scopes) :],
                replies[: len(scopes)],
                replies[len(scopes) :],
                strict=True,
            )
        ]


def job_scope(*, kind: str | None, tenant: str | None, queue: str | None) -> str:
    """Name what limits are about; raises InvalidRequest."""
    for field, name in (("kind", kind), ("queue", queue)):
        if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise InvalidRequest(field, f"{name!r} is no name")
    if tenant is not None:
        checked_name(tenant)
    try:
        return scope_of(kind=kind, tenant=tenant, queue=queue)
    except ValueError as error:
        raise InvalidRequest("scope", str(error)) from None


def _is_of_jobs(scope: str) -> bool:
    return not scope.startswith("tenant ") or " kind " in scope
