"""What jobs have spent, measured and come to, by day and minute."""

from __future__ import annotations

from backdesk.worker.store.keys.prefixed import Prefixed

#: The field of `blobs_sweep` that tells how many sweeps there were.
SWEEP_NUMBER = "number"


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
        """Hash: bytes that tenants have among the blobs, by tenant. Taken over from `blobs_counted` by each sweep."""
        return f"{self.prefix}:blobs"

    @property
    def blobs_counted(self) -> str:
        """Hash: the same of what the sweep under way has seen so far. Becomes `blobs` with its end."""
        return f"{self.prefix}:blobs-counted"

    @property
    def blobs_sweep(self) -> str:
        """Hash: how many sweeps of the blobs there were, and behind which of them the one under way is. Kept."""
        return f"{self.prefix}:blobs-sweep"

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
