"""How much Redis keeps of what: estimated from a sample of its keys, so that a large one is not held up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import redis
from redis.exceptions import NoPermissionError

from backdesk.worker.store.calls import text

#: Keys that are looked at, in calls of so many: each call takes Redis about a millisecond.
MOST_KEYS, KEYS_A_CALL = 10_000, 500
#: Keys of each family whose size is asked for.
MOST_WEIGHED = 60
#: Tenants that are named, those with the most first.
MOST_TENANTS = 5

#: What is kept, by the first part of its keys; the second is the tenant, where it has one.
FAMILIES: dict[str, str] = {
    **dict.fromkeys(("history", "conversations", "conversation", "steering"), "conversations"),
    **dict.fromkeys(("attachment", "attachment-blob", "attachments", "attached"), "attachments"),
    **dict.fromkeys(("notes", "noted"), "notes"),
    **dict.fromkeys(("blob", "blobs"), "references to blobs"),
    **dict.fromkeys(("events", "log", "sent", "text"), "event logs"),
    **dict.fromkeys(("job", "ledger", "checkpoint", "spent", "children", "awaiting"), "jobs"),
    "cache": "cache",
}
OTHERS = "all else"
_OF_TENANTS = frozenset({"history", "attachment", "notes", "cache", "blob"})


@dataclass(frozen=True, slots=True)
class Size:
    """How many keys something has, and how many bytes they take; None where that cannot be asked."""

    what: str
    keys: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Sizes:
    """What was found; `exact` when all keys were looked at, else an estimate from the part that was."""

    exact: bool
    families: list[Size]
    tenants: list[Size]


def sizes_of(client: redis.Redis, prefix: str) -> Sizes:
    """Look at no more than 10,000 keys, and weigh a few of each family. Raises what redis-py raises."""
    in_all = int(client.dbsize())
    looked, names = 0, defaultdict[str, list[bytes]](list)
    for page in islice(_pages(client), MOST_KEYS // KEYS_A_CALL):
        looked += len(page)
        for name in page:
            if name.startswith(f"{prefix}:".encode()):
                names[_parts(name, prefix)[0]].append(name)
    scale = max(1.0, in_all / looked) if looked >= MOST_KEYS else 1.0
    weights = {first: _weight(client, found) for first, found in names.items()}
    return Sizes(scale == 1.0, _families(names, weights, scale), _tenants(names, weights, scale, prefix))


def _pages(client: redis.Redis) -> Iterator[list[bytes]]:
    cursor = None
    while cursor != 0:
        cursor, page = client.scan(cursor or 0, count=KEYS_A_CALL)
        yield [name for name in page if isinstance(name, bytes)]


def _parts(name: bytes, prefix: str) -> tuple[str, str]:
    first, _, rest = text(name).removeprefix(f"{prefix}:").partition(":")
    return first, rest.partition(":")[0] if first in _OF_TENANTS else ""


def _weight(client: redis.Redis, names: list[bytes]) -> float | None:
    """Return the average of what some keys take, None where it may not be asked for."""
    some = names[:: max(1, len(names) // MOST_WEIGHED)][:MOST_WEIGHED]
    pipeline = client.pipeline(transaction=False)
    for name in some:
        pipeline.memory_usage(name, samples=5)
    try:
        weights = [weight for weight in pipeline.execute() if weight is not None]
    except NoPermissionError:
        return None
    return sum(weights) / len(weights) if weights else 0.0


def _families(names: dict[str, list[bytes]], weights: dict[str, float | None], scale: float) -> list[Size]:
    counts, totals = defaultdict[str, int](int), defaultdict[str, float](float)
    unknown = set()
    for first, found in names.items():
        family, weight = FAMILIES.get(first, OTHERS), weights[first]
        counts[family] += len(found)
        totals[family] += len(found) * (weight or 0.0)
        unknown |= {family} if weight is None else set()
    return [
        Size(family, round(counts[family] * scale), None if family in unknown else round(totals[family] * scale))
        for family in sorted(counts, key=lambda family: -totals[family])
    ]


def _tenants(names: dict[str, list[bytes]], weights: dict[str, float | None], scale: float, prefix: str) -> list[Size]:
    counts, totals = defaultdict[str, int](int), defaultdict[str, float](float)
    for first in names.keys() & _OF_TENANTS:
        for name in names[first]:
            tenant = _parts(name, prefix)[1]
            counts[tenant] += 1
            totals[tenant] += weights[first] or 0.0
    largest = sorted(counts, key=lambda tenant: (-totals[tenant], tenant))[:MOST_TENANTS]
    return [Size(tenant, round(counts[tenant] * scale), round(totals[tenant] * scale)) for tenant in largest]
