"""Who is alive, with what, and what the elected worker sees to."""

from __future__ import annotations

from backdesk.worker.store.keys.prefixed import Prefixed


class FleetKeys(Prefixed):
    """Who is alive, with what, and what the elected worker sees to."""

    __slots__ = ()

    @property
    def identity(self) -> str:
        """String: the id of this deployment, by which its blobs are told from those of others. Kept."""
        return f"{self.prefix}:identity"

    @property
    def kinds(self) -> str:
        """Hash: kind to its announced contract as JSON. Workers refresh it when they start. Pruned by `kinds_seen`."""
        return f"{self.prefix}:kinds"

    @property
    def kinds_seen(self) -> str:
        """Zset: kinds, by the time in ms at which a live worker had them last. Pruned after the retention of jobs."""
        return f"{self.prefix}:kinds-seen"

    @property
    def workers(self) -> str:
        """Zset: live workers, by the time in ms until which they count as alive. Pruned at each announcement."""
        return f"{self.prefix}:workers"

    def worker(self, name: str) -> str:
        """String: what a worker announces of itself, as JSON. Expires when it is no longer renewed."""
        return f"{self.prefix}:worker:{name}"

    @property
    def slots(self) -> str:
        """Hash: queue to the slots that live workers offer for it. Gone when empty."""
        return f"{self.prefix}:slots"

    @property
    def served(self) -> str:
        """Hash: kind to how many live workers run it. Gone when empty."""
        return f"{self.prefix}:served"

    @property
    def offers(self) -> str:
        """Hash: worker to what `slots` and `served` count of it, as JSON. Pruned as it is given up."""
        return f"{self.prefix}:offers"

    @property
    def leader(self) -> str:
        """String: the worker elected for maintenance. Expires in seconds when it is no longer renewed."""
        return f"{self.prefix}:leader"

    @property
    def pulse(self) -> str:
        """Hash: when a worker last reached Redis, and until when that leaves expired leases alone, in ms. Kept."""
        return f"{self.prefix}:pulse"

    @property
    def full(self) -> str:
        """String: bytes used of Redis' memory, and from where on it takes no new jobs. Expires unless it is renewed."""
        return f"{self.prefix}:full"

    @property
    def sweep(self) -> str:
        """Hash: how far the sweep has come among the jobs that have not ended, and what it has put right. Kept."""
        return f"{self.prefix}:sweep"

    @property
    def rights(self) -> str:
        """Hash: what the rights of a user are tried on where the server cannot be asked. Gone at once."""
        return f"{self.prefix}:rights"

    @property
    def maintenance(self) -> str:
        """String: the notice of a maintenance, as JSON. Kept until it is taken back, or its time is over."""
        return f"{self.prefix}:maintenance"

    @property
    def schedules(self) -> str:
        """Hash: schedule to its definition as JSON. Kept until they are removed."""
        return f"{self.prefix}:schedules"

    def schedule(self, name: str) -> str:
        """Hash: what has become of a schedule so far, and what is planned. Kept as long as its definition."""
        return f"{self.prefix}:schedule:{name}"

    @property
    def schedule_due(self) -> str:
        """Zset: schedules that are not paused, by the time in ms at which they are to be looked at. Gone when empty."""
        return f"{self.prefix}:schedule-due"
