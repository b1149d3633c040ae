"""What belongs to one job, and what its state demands of the store."""

from __future__ import annotations

from backdesk.worker.store.keys.prefixed import Prefixed


class JobKeys(Prefixed):
    """What belongs to one job, and what its state demands of the store."""

    __slots__ = ()

    def job(self, job_id: str) -> str:
        """Hash: the record of a job. Pruned after the retention once the job has ended."""
        return f"{self.prefix}:job:{job_id}"

    def events(self, job_id: str) -> str:
        """List: the event log of a job; position = seq - 1. Pruned with the job, or when it is packed."""
        return f"{self.prefix}:events:{job_id}"

    def log(self, job_id: str) -> str:
        """String: the events of a job that has ended and what it has sent to models (`store.log`). Pruned with it."""
        return f"{self.prefix}:log:{job_id}"

    def sent(self, job_id: str) -> str:
        """List: what a job has sent to models, a request each (`model.sent`). Pruned as the events are."""
        return f"{self.prefix}:sent:{job_id}"

    def ledger(self, job_id: str) -> str:
        """Hash: what a job has finished and been told, by key. Pruned with the job."""
        return f"{self.prefix}:ledger:{job_id}"

    def checkpoint(self, job_id: str) -> str:
        """String: where the next attempt at a job goes on. Pruned with the job."""
        return f"{self.prefix}:checkpoint:{job_id}"

    def awaiting(self, job_id: str) -> str:
        """Hash: what a waiting job waits for, by name. Gone when empty."""
        return f"{self.prefix}:awaiting:{job_id}"

    def children(self, job_id: str) -> str:
        """Set: the jobs that a job has called. Pruned with the job."""
        return f"{self.prefix}:children:{job_id}"

    def spent(self, job_id: str) -> str:
        """Hash: what a job and those that it called have spent, and what calls set aside. Pruned with the job."""
        return f"{self.prefix}:spent:{job_id}"

    def idempotency(self, tenant: str, key: str) -> str:
        """String: the job that an idempotency key belongs to. Pruned with the job, or expires by itself."""
        return f"{self.prefix}:idem:{tenant}:{key}"

    @property
    def arrivals(self) -> str:
        """String: the µs at which the newest job arrived; each has one of its own. Kept."""
        return f"{self.prefix}:arrivals"

    @property
    def leases(self) -> str:
        """Zset: running jobs, by the time in ms at which their lease ends. Gone when empty."""
        return f"{self.prefix}:leases"

    @property
    def due(self) -> str:
        """Zset: parked jobs, by the time in ms at which they become ready. Gone when empty."""
        return f"{self.prefix}:due"

    @property
    def expiring(self) -> str:
        """Zset: jobs with a time limit, by the time in ms at which it is reached. Gone when empty."""
        return f"{self.prefix}:expiring"

    @property
    def stopping(self) -> str:
        """Hash: running job to what its attempt is asked: to cancel, pause, drain, hand over. Gone when empty."""
        return f"{self.prefix}:stopping"

    @property
    def unpacked(self) -> str:
        """Set: jobs that have ended with a log that is still to be packed. Gone when empty."""
        return f"{self.prefix}:unpacked"

    @property
    def orphaned(self) -> str:
        """Hash: ended job to its state and how far its children are cancelled. Gone when empty."""
        return f"{self.prefix}:orphaned"

    @property
    def interrupted(self) -> str:
        """Hash: conversation to the last turn that is still to be cancelled in it. Gone when empty."""
        return f"{self.prefix}:interrupted"

    def progress(self, job_id: str) -> str:
        """Channel: the events of one job."""
        return f"{self.prefix}:progress:{job_id}"

    def ended(self, job_id: str) -> str:
        """Channel: the state in which one job ends, once. Who waits for that alone is no follower of its progress."""
        return f"{self.prefix}:ended:{job_id}"

    def tenant_progress(self, tenant: str) -> str:
        """Channel: the events of all of a tenant's jobs."""
        return f"{self.prefix}:progress:tenant:{tenant}"
