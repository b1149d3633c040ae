"""By what jobs are found, counted, forgotten and archived."""

from __future__ import annotations

from backdesk.worker.store.keys.prefixed import Prefixed


class ListingKeys(Prefixed):
    """By what jobs are found, counted, forgotten and archived."""

    __slots__ = ()

    def state(self, state: str) -> str:
        """Zset: every job in a state, by the time in ms it entered it; `failed` holds the dead letters. Pruned."""
        return f"{self.prefix}:state:{state}"

    def jobs_of_kind(self, kind: str, state: str) -> str:
        """Zset: the jobs of a kind in a state but `running`, by the time in ms they entered it. Gone when empty."""
        return f"{self.prefix}:jobs-of-kind:{kind}:{state}"

    def jobs_of_tenant(self, tenant: str, state: str) -> str:
        """Zset: those of a tenant in a state but `queued`, `running`, by when in ms they entered. Gone when empty."""
        return f"{self.prefix}:jobs-of-tenant:{tenant}:{state}"

    def failed_with(self, code: str) -> str:
        """Zset: the dead letters with a code, by the time in ms they failed. Gone when empty."""
        return f"{self.prefix}:failed-with:{code}"

    def tenant_jobs(self, tenant: str) -> str:
        """Zset: every job of a tenant, by the time in ms it was created. Pruned with the jobs."""
        return f"{self.prefix}:tenant-jobs:{tenant}"

    @property
    def tenants(self) -> str:
        """Set: every tenant that has jobs. Pruned with the jobs."""
        return f"{self.prefix}:tenants"

    def backlog(self, tenant: str) -> str:
        """Hash: a tenant's jobs that have not ended, bytes of their requests, a count under way. Gone when empty."""
        return f"{self.prefix}:backlog:{tenant}"

    @property
    def asks(self) -> str:
        """Zset: what jobs ask of people (`<job> <name>`), by deadline in ms, or 1e14 + asked. Gone when empty."""
        return f"{self.prefix}:asks"

    def tenant_asks(self, tenant: str) -> str:
        """Zset: what the jobs of a tenant ask of people, as `asks` has it. Gone when empty."""
        return f"{self.prefix}:tenant-asks:{tenant}"

    @property
    def forgetting(self) -> str:
        """Zset: every job that has ended, by the time in ms after which it is forgotten. Pruned."""
        return f"{self.prefix}:forgetting"

    @property
    def archive(self) -> str:
        """Hash: what the archive has taken and refused, and what was lost for want of it. Kept."""
        return f"{self.prefix}:archive"

    @property
    def dropped(self) -> str:
        """Set: dead letters that were dropped lately, for the archive not to keep them. Expires in ten minutes."""
        return f"{self.prefix}:dropped"
