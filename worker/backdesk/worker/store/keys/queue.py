"""What dispatch goes by: lines, lanes, windows, and the limits that hold them."""

from __future__ import annotations

from backdesk.worker.settings import celery_queue
from backdesk.worker.store.keys.prefixed import Prefixed


class QueueKeys(Prefixed):
    """What dispatch goes by: lines, lanes, windows, and the limits that hold them."""

    __slots__ = ()

    def line(self, queue: str, tenant: str, line: str) -> str:
        """Zset: what a tenant has waiting of a kind (`line_of`), by arrival in µs less priority. Gone when empty."""
        return f"{self.prefix}:line:{queue}:{tenant}:{line}"

    def ready(self, queue: str, tenant: str) -> str:
        """Zset: lines of a tenant that have a job that may run, by the rank of the best. Gone when empty."""
        return f"{self.prefix}:ready:{queue}:{tenant}"

    def lane(self, queue: str) -> str:
        """Zset: tenants with something ready in a queue, by virtual time. Gone when empty."""
        return f"{self.prefix}:lane:{queue}"

    def window(self, queue: str) -> str:
        """Zset: jobs handed to Celery and not yet claimed, by the time of the delivery in ms. Gone when empty."""
        return f"{self.prefix}:window:{queue}"

    def deliveries(self, queue: str) -> str:
        """List: what Celery's workers take from a queue, as messages. Gone when empty."""
        return celery_queue(self.prefix, queue)

    def stranded(self, need: str) -> str:
        """Zset: queued jobs whose workers could not run them, by time in ms. Gone when empty.

        The need is their kind, or their kind and version (`backdesk.worker.model.version.Stranding`).
        """
        return f"{self.prefix}:stranded:{need}"

    @property
    def strandings(self) -> str:
        """Set: what stranded jobs need, that is, all names of such sets. Pruned as workers announce themselves."""
        return f"{self.prefix}:strandings"

    def virtual_time(self, queue: str) -> str:
        """String: virtual time of the queue's last pick; a tenant that arrives starts there. Kept for its kinds."""
        return f"{self.prefix}:virtual-time:{queue}"

    def departed(self, queue: str) -> str:
        """Zset: tenants whose line in a queue ran empty, by the virtual time they had reached. Expires in a day."""
        return f"{self.prefix}:departed:{queue}"

    def tenant(self, name: str) -> str:
        """Hash: a tenant's settings, `*` those of every tenant that has none of its own. Kept until removed."""
        return f"{self.prefix}:tenant:{name}"

    @property
    def policy(self) -> str:
        """Hash: scope (queue, tenant, kind, tenant and kind) to what dispatch must know of it. Kept until removed."""
        return f"{self.prefix}:policy"

    @property
    def pauses(self) -> str:
        """Hash: scope (as of policies, or `service` and its name) to its pause, as JSON. Kept until it ends."""
        return f"{self.prefix}:pauses"

    @property
    def flow(self) -> str:
        """Hash: the slots that jobs of each scope take that are delivered or run; how many await their begin. Kept."""
        return f"{self.prefix}:flow"

    @property
    def recount(self) -> str:
        """Hash: how far the recount of the flow under way has come, and what was put right so far. Kept."""
        return f"{self.prefix}:recount"

    @property
    def recounted(self) -> str:
        """Hash: the new count of what the flow counts, while a recount is under way. Gone when empty."""
        return f"{self.prefix}:recounted"

    @property
    def held(self) -> str:
        """Hash: place in line (queue, tenant, and kind or not) to the scope whose limit holds it. Gone when empty."""
        return f"{self.prefix}:held"

    def held_by(self, scope: str) -> str:
        """Zset: the places that the limit of a scope holds, by virtual time. Gone when empty."""
        return f"{self.prefix}:held-by:{scope}"

    @property
    def limited(self) -> str:
        """Zset: scopes whose limit holds somebody, by the time in ms at which to look again. Gone when empty."""
        return f"{self.prefix}:limited"

    def rate(self, scope: str) -> str:
        """String: the µs at which the rate of a scope lets the next job begin. Expires when that has passed."""
        return f"{self.prefix}:rate:{scope}"
