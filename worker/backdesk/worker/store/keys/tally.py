"""What jobs have spent, measured and come to, by day and minute."""

from __future__ import annotations

from backdesk.worker.store.keys.prefixed import Prefixed


class TallyKeys(Prefixed):
    """What jobs have spent, measured and come to, by day and minute."""

    __slots__ = ()

    def spent_day(self, tenant: str, day: str) -> str:
        """Hash: what a tenant has spent on a day in UTC. Expires 40 days after it was last written."""
        return f"{self.prefix}:spent-day:{tenant}:{day}"

    def spenders(self, day: str) -> str:
        """Set: the tenants that have spent something on a day. Expires 40 days after it was last written."""
        return f"{self.prefix}:spenders:{day}"

    def stats(self, day: str, tenant: str, kind: str) -> str:
        """Hash: how jobs of a kind and tenant ended on a day in UTC, and what they measured. Expires 40 days later."""
        return f"{self.prefix}:stats:{day}:{tenant}:{kind}"

    def stats_of_day(self, day: str) -> str:
        """Set: tenants with a kind (`acme orders.audit`), or a variant, of which jobs ended. Expires 40 days later."""
        return f"{self.prefix}:stats-of-day:{day}"

    @property
    def blobs(self) -> str:
        """Hash: bytes that tenants have among the blobs, by tenant. Rewritten by each sweep of these."""
        return f"{self.prefix}:blobs"

    @property
    def ends(self) -> str:
        """Hash: jobs that ended lately, by minute, queue, kind and how, until they are sorted. Kept, bounded."""
        return f"{self.prefix}:ends"

    def series(self, minute: str) -> str:
        """Hash: queue and kind to what ended in a minute since 1970, as JSON. Expires 49 hours later."""
        return f"{self.prefix}:series:{minute}"

    @property
    def totals(self) -> str:
        """Hash: queue and kind to what has ended so far, as JSON. Pruned with the kinds."""
        return f"{self.prefix}:totals"
