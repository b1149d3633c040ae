"""Erasing a customer: out of the business database, jobs, the archive, notes, the cache and conversations."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

import time
from time import sleep
from typing import TYPE_CHECKING, Any

from backdesk.client.operations.erasure import KIND, ErasureOperations, Receipt, receipt_of
from backdesk.client.over_http.served import served
from backdesk.worker.errors import ResultTimeout
from backdesk.worker.model.job import DEFAULT_TENANT, MAX_PRIORITY

if TYPE_CHECKING:
    from backdesk.client.blocking.client import JobClient

#: How often it is looked whether the customer's jobs have ended, in seconds.
LOOK_EVERY_S = 0.5


class Erasure:
    """`client.erasure`. Each call looks at all jobs of the tenant, and waits for a worker that has the database."""

    def __init__(self, client: JobClient) -> None:
        self._client = client
        self._operations = served(client.core, ErasureOperations)

    def plan(self, customer_id: str, *, tenant: str = DEFAULT_TENANT, timeout: float = 60.0) -> Receipt:
        """Return what `erase` would remove; changes nothing but for a job that has counted, which `erase` forgets."""
        found = self._client.do(self._operations.find(tenant, customer_id))
        rows = self._in_database(tenant, customer_id, found.conversations, timeout, dry_run=True)
        jobs, archived, talks = len(found.jobs), len(found.archived), len(found.conversations)
        counts = {"jobs": jobs, "archived_jobs": archived, "conversations": talks, "attachments": len(found.files)}
        return receipt_of(tenant, rows, dry_run=True, cancelled=len(found.active), **counts)

    def erase(self, customer_id: str, *, tenant: str = DEFAULT_TENANT, timeout: float = 60.0) -> Receipt:
        """Take a customer out of everything, and return a receipt that tells nothing of them.

        Jobs of theirs that go on are cancelled first, and waited for. May be begun again at any time: it goes on where
        one was killed, and one that is through finds nothing. What comes from the customer meanwhile is new, and found
        by the next. Raises ResultTimeout when jobs do not end or no worker has the database, JobFailed when that
        refuses; nothing of jobs and conversations is removed then.
        """
        deadline = time.monotonic() + timeout
        found = self._client.do(self._operations.find(tenant, customer_id))
        active = found.active
        self._client.do(self._operations.cancel(active))
        for job_id in active:
            while not (self._client.get(job_id)).done:
                if time.monotonic() > deadline:
                    raise ResultTimeout(job_id, timeout)
                sleep(LOOK_EVERY_S)
        rows = self._in_database(tenant, customer_id, found.conversations, timeout, dry_run=False)
        found = self._client.do(self._operations.find(tenant, customer_id))
        counts = self._client.do(self._operations.remove(tenant, found))
        return receipt_of(tenant, rows, dry_run=False, cancelled=len(active), **counts)

    def _in_database(
        self, tenant: str, customer_id: str, conversations: list[str], timeout: float, *, dry_run: bool
    ) -> Any:
        request = {"customer_id": customer_id, "conversations": conversations, "dry_run": dry_run}
        job = self._client.submit(KIND, request, tenant=tenant, priority=MAX_PRIORITY)
        return job.result(timeout)
