"""Every name that backdesk uses in Redis, under one prefix: each with its type, what it holds, and how long it lives.

Scripts build the same names on the server, for jobs that they meet on their way, by functions that are written from
these classes (`lua_names`). They get the prefix instead of a list of KEYS because which jobs and tenants they touch is
decided inside them; Redis Cluster, which would need the list, is not supported by Celery either.
"""

from __future__ import annotations

from collections.abc import Callable

from backdesk.worker.store.keys.access import AccessKeys
from backdesk.worker.store.keys.fleet import FleetKeys
from backdesk.worker.store.keys.job import JobKeys
from backdesk.worker.store.keys.listing import ListingKeys
from backdesk.worker.store.keys.memory import MemoryKeys
from backdesk.worker.store.keys.queue import QueueKeys
from backdesk.worker.store.keys.service import ServiceKeys
from backdesk.worker.store.keys.tally import TallyKeys
from backdesk.worker.store.keys.webhook import WebhookKeys

#: The names that are channels; all others are keys.
CHANNELS = frozenset({"breakers", "progress", "ended", "tenant_progress"})


class Keys(JobKeys, ListingKeys, QueueKeys, TallyKeys, MemoryKeys, ServiceKeys, FleetKeys, AccessKeys, WebhookKeys):
    """All names for one prefix. "Retention" is the time a finished job is kept."""

    __slots__ = ()


def named() -> dict[str, property | Callable[..., str]]:
    """Return each name of `Keys` as its class has it: a property, or a function of what the name is for."""
    return {name: member for room in Keys.__bases__ for name, member in vars(room).items() if not name.startswith("_")}
