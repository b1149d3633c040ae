"""Pauses: no job of a kind, a queue or a tenant begins for now, or no call reaches an outside service.

A pause stands beside the limits that are set, in the same policy, so that those hold again when it ends. That of a
service is its circuit breaker, opened by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from backdesk.client.operations.job_limits import job_scope
from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Commands, Operation
from backdesk.client.operations.policies import AS_DEFAULT, merged, rewrite_policy
from backdesk.client.operations.service_limits import BreakerStatuses, ServiceLimitOperations
from backdesk.client.operations.tenants import checked_name
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.job import EVERY_TENANT
from backdesk.worker.model.service import BreakerState, Resource
from backdesk.worker.model.tenancy import JobLimits, Pause, TenantSettings, read_pause, tenant_scope
from backdesk.worker.store.calls import text
from backdesk.worker.store.moments import moment


class PauseStatus(BaseModel):
    """What is paused (`kind K`, `queue Q`, `tenant T`, `tenant T kind K`, `service S`), since when, by whom and why."""

    model_config = ConfigDict(frozen=True)

    scope: str
    since: datetime | None
    by: str = ""
    note: str = ""


# Named here because inside the class `list` is a method.
PauseStatuses = list[PauseStatus]


@dataclass(frozen=True, slots=True)
class Paused:
    """What is to be paused: exactly one of a kind (also of one tenant), a queue, a tenant, and a service."""

    kind: str | None = None
    queue: str | None = None
    tenant: str | None = None
    service: str | None = None

    def __post_init__(self) -> None:
        """Raise InvalidRequest for what cannot be paused."""
        if self.tenant == EVERY_TENANT:
            raise InvalidRequest("tenant", "name one; to let nothing begin, pause each queue")
        if self.service is not None:
            if self.kind or self.queue or self.tenant:
                raise InvalidRequest("service", "is paused as a whole, for all jobs")
            Resource(self.service)
        elif self.tenant is not None and self.kind is None and self.queue is None:
            checked_name(self.tenant)
        else:
            job_scope(kind=self.kind, tenant=self.tenant, queue=self.queue)

    @property
    def scope(self) -> str:
        """Its name in the store."""
        if self.service is not None:
            return f"service {self.service}"
        if self.whole_tenant:
            return tenant_scope(self.whole_tenant)
        return job_scope(kind=self.kind, tenant=self.tenant, queue=self.queue)

    @property
    def whole_tenant(self) -> str:
        """The tenant of which all jobs are meant, else empty."""
        return self.tenant if self.tenant and not self.kind and not self.queue else ""


class PauseOperations:
    """The operations on pauses."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core
        self._services = ServiceLimitOperations(core)

    def begin(self, what: Paused, by: str, note: str) -> Operation[PauseStatus]:
        """Pause something. Once paused it stays so, since when it was; by whom and why are the newest."""
        ((seconds, micros),) = yield Commands([("TIME",)])
        pause = _checked(moment(int(seconds) * 1000 + int(micros) // 1000), by, note)
        if what.service is not None:
            return (yield from self._begin_of_service(what.service, what.scope, pause))
        sort = TenantSettings if what.whole_tenant else JobLimits

        def rewrite(origin: str) -> JobLimits:
            known = read_pause(origin)
            kept = {"since": known.since, "alone": known.alone} if known else {"alone": not origin}
            return merged(sort, origin, {"paused": pause.model_copy(update=kept)})

        settings = yield from rewrite_policy(self._core, what.scope, rewrite, what.whole_tenant)
        return _status(what.scope, settings.paused if settings and settings.paused else pause)

    def _begin_of_service(self, service: str, scope: str, pause: Pause) -> Operation[PauseStatus]:
        before = next((each for each in (yield from self.list()) if each.scope == scope), None)
        kept = pause.model_copy(update={"since": before.since}) if before and before.since else pause
        yield from self._services.switch(service, BreakerState.OPEN, None)
        yield Commands([("HSET", self._core.keys.pauses, scope, kept.model_dump_json())])
        return _status(scope, kept)

    def end(self, what: Paused) -> Operation[bool]:
        """End a pause, also one whose jobs are limited to none; returns whether there was one."""
        if what.service is not None:
            was = yield from self._services.switch(what.service, BreakerState.CLOSED, None)
            return was is BreakerState.OPEN
        sort, was_paused = TenantSettings if what.whole_tenant else JobLimits, False

        def rewrite(origin: str) -> JobLimits | None:
            nonlocal was_paused
            known = read_pause(origin)
            was_paused = known is not None
            settings = merged(sort, origin, {"paused": AS_DEFAULT})
            return None if not origin or (known and known.alone and not settings.model_fields_set) else settings

        yield from rewrite_policy(self._core, what.scope, rewrite, what.whole_tenant)
        return was_paused

    def list(self) -> Operation[PauseStatuses]:
        """Return what is paused now, by scope."""
        breakers = yield from self._services.breakers()
        return (yield from self.beside(breakers))

    def beside(self, breakers: BreakerStatuses) -> Operation[PauseStatuses]:
        """Return what is paused, given the breakers."""
        (raw,) = yield Commands([("HGETALL", self._core.keys.pauses)])
        known = {text(scope): Pause.model_validate_json(pause) for scope, pause in raw.items()}
        found = [_status(scope, pause) for scope, pause in known.items() if not scope.startswith("service ")]
        for breaker in breakers:
            if breaker.by_hand and breaker.state is BreakerState.OPEN:
                scope = f"service {breaker.resource}"
                told = PauseStatus(scope=scope, since=breaker.since)
                found.append(_status(scope, known[scope]) if scope in known else told)
        return sorted(found, key=lambda each: each.scope)


def _status(scope: str, pause: Pause) -> PauseStatus:
    return PauseStatus(scope=scope, since=pause.since, by=pause.by, note=pause.note)


def _checked(since: datetime, by: str, note: str) -> Pause:
    try:
        return Pause(since=since, by=by, note=note)
    except ValidationError as error:
        raise InvalidRequest(str(error.errors()[0]["loc"][0]), error.errors()[0]["msg"]) from None
