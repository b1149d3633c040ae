"""The lines in which jobs stand until they may run: one for each queue, tenant and kind that has some waiting.

Jobs of which it was said how many slots they take stand in lines of their own, one for each such number.
They are found by way of the lanes and of what limits hold, so that the work depends on how many lines there are, not on
how many jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Commands, Operation
from backdesk.worker.model.version import read_line
from backdesk.worker.store.calls import text

#: Tenants of a queue that are looked at, unless a caller says otherwise.
MOST_TENANTS = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """Jobs of a kind and a tenant that wait in a queue: how many, the next of them, and the limit that holds them."""

    queue: str
    tenant: str
    kind: str
    #: None where it was not said of the jobs how many they take.
    slots: int | None
    waiting: int
    head: str
    #: None while only other jobs are in the way.
    held_by: str | None


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines, and how many tenants with waiting jobs were left out because there are too many."""

    lines: Sequence[Line]
    left_out: int


def read_lines(
    core: JobOperations, queues: Iterable[str], *, tenant: str | None = None, most: int = MOST_TENANTS
) -> Operation[Lines]:
    """Return the lines of queues, of one tenant or of `most` at most in each queue. Not atomic; three round trips."""
    keys, names = core.keys, sorted(set(queues))
    raw_held, *replies = yield Commands(
        [
            ("HGETALL", keys.held),
            *(command for queue in names for command in _in_lane(keys.lane(queue), tenant, most)),
        ]
    )
    held = {text(place): text(scope) for place, scope in raw_held.items()}
    found = {queue: dict.fromkeys(map(text, ready)) for queue, ready in zip(names, replies[::2], strict=True)}
    left_out = sum(max(size - len(tenants), 0) for size, tenants in zip(replies[1::2], found.values(), strict=True))
    for queue, whose, *_ in map(str.split, held):
        if tenant in {None, whose}:
            found.setdefault(queue, {})[whose] = None
    if tenant is not None:
        found = {queue: {tenant: None} for queue in found}
        left_out = 0
    chosen = [(queue, whose) for queue, tenants in found.items() for whose in [*tenants][:most]]
    left_out += sum(map(len, found.values())) - len(chosen)
    return Lines((yield from _lines(core, chosen, held)), left_out)


def _in_lane(lane: str, tenant: str | None, most: int) -> list[tuple[object, ...]]:
    last = most - 1 if tenant is None else 0
    return [("ZRANGE", lane, 0, last), ("ZCARD", lane)]


def _lines(core: JobOperations, chosen: Sequence[tuple[str, str]], held: Mapping[str, str]) -> Operation[list[Line]]:
    if not chosen:
        return []
    keys, within = core.keys, set(chosen)
    ready = yield Commands([("ZRANGE", keys.ready(queue, tenant), 0, -1) for queue, tenant in chosen])
    places = {
        (queue, tenant, text(line)) for (queue, tenant), names in zip(chosen, ready, strict=True) for line in names
    }
    for queue, tenant, *names in map(str.split, held):
        if names and (queue, tenant) in within:
            places.add((queue, tenant, names[0]))
    ordered = sorted(places)
    if not ordered:
        return []
    replies = yield Commands(
        [
            command
            for place in ordered
            for command in (("ZCARD", keys.line(*place)), ("ZRANGE", keys.line(*place), 0, 0))
        ]
    )
    made = []
    for (queue, tenant, line), waiting, head in zip(ordered, replies[::2], replies[1::2], strict=True):
        if waiting and head:
            scope = held.get(f"{queue} {tenant} {line}") or held.get(f"{queue} {tenant}")
            made.append(Line(queue, tenant, *read_line(line), waiting, text(head[0]), scope))
    return made
