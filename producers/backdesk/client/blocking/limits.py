"""Limits: of jobs, and of what the fleet asks of outside services. Those of whole tenants are theirs."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

from typing import TYPE_CHECKING

from backdesk.client.operations.job_limits import JobLimitOperations, JobLimitStatuses, job_scope
from backdesk.client.operations.service_limits import LimitStatuses, ServiceLimitOperations
from backdesk.client.options import given
from backdesk.client.over_http.served import served
from backdesk.worker.model.service import Limits as CallLimits
from backdesk.worker.model.tenancy import JobLimits as RunLimits

if TYPE_CHECKING:
    from backdesk.client.blocking.client import JobClient


class JobLimits:
    """The limits of jobs, `client.limits.jobs`. A scope is named by a kind, a kind and a tenant, or a queue."""

    def __init__(self, client: JobClient) -> None:
        self._client = client
        self._operations = served(client.core, JobLimitOperations)

    def set(
        self,
        *,
        kind: str | None = None,
        tenant: str | None = None,
        queue: str | None = None,
        max_running: int | str | None = None,
        rate: str | None = None,
        burst: int | str | None = None,
    ) -> RunLimits:
        """Limit jobs of a kind, of a kind of a tenant (`*` is each tenant), or of a queue; returns what is then set.

        `max_running` is how many slots they may take at once (0 pauses them), `rate`, such as `60/m`, how often one may
        begin, `burst` how many may at once after a rest. Only what is given changes; `"default"` takes a limit away,
        `"none"` is explicitly none, which matters where each tenant has one. Holds at once, also for jobs that wait
        already. Atomic, as `tenants.set`. Raises InvalidRequest.
        """
        changes = {"max_running": max_running, "rate": rate, "burst": burst}
        scope = job_scope(kind=kind, tenant=tenant, queue=queue)
        return self._client.do(self._operations.set(scope, changes))

    def list(self) -> JobLimitStatuses:
        """Return the limits of jobs by scope (such as `kind orders.audit`), and how each stands. Not atomic."""
        return self._client.do(self._operations.list())

    def remove(self, *, kind: str | None = None, tenant: str | None = None, queue: str | None = None) -> bool:
        """Remove the limits of a scope, named as in `set`; returns whether there were any."""
        return self._client.do(self._operations.remove(job_scope(kind=kind, tenant=tenant, queue=queue)))


class ServiceLimits:
    """The limits of calls to outside services, `client.limits.services`."""

    def __init__(self, client: JobClient) -> None:
        self._client = client
        self._operations = served(client.core, ServiceLimitOperations)

    def set(
        self,
        scope: str,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        concurrent: int | None = None,
    ) -> CallLimits:
        """Limit what the whole fleet asks of an outside service; in force at once, in place of what was set before.

        `scope` is a service (`openai/gpt-4o`, each key by itself), one key of it (`openai/gpt-4o#3fa9c1d2`), a tenant
        (`tenant acme`; `tenant *` is each), or a tenant at a service (`openai/gpt-4o tenant acme`). Of the scopes of
        the service the most exact counts, and so of those of the tenant; a call needs room in both. Raises
        InvalidRequest for a scope that is none, or a limit that is no whole number from 1.
        """
        values = given(
            requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute, concurrent=concurrent
        )
        return self._client.do(self._operations.put(scope, values))

    def list(self) -> LimitStatuses:
        """Return the limits by scope, each with how full it is; and services on hold."""
        return self._client.do(self._operations.list())

    def remove(self, scope: str) -> bool:
        """Remove the limits of a scope; returns whether there were any."""
        return self._client.do(self._operations.remove(scope))


class Limits:
    """The limits of a deployment, `client.limits`: of `jobs`, and of calls to `services`."""

    def __init__(self, client: JobClient) -> None:
        self.jobs = JobLimits(client)
        self.services = ServiceLimits(client)
