"""What jobs wait for besides a free slot: a worker at all, a limit, those before them, another of their conversation.

The arithmetic is that of `store/lua/limits.lua` and of `join_line` in `dispatch.lua`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from backdesk.client.operations.live_workers import LiveWorkers
from backdesk.client.operations.operation import Command, Commands, Operation
from backdesk.client.operations.pace import next_us, unbegun
from backdesk.worker.model.job import EVERY_TENANT, Hold, JobRecord, JobRow, JobState
from backdesk.worker.model.tenancy import read_pause, scope_of, tenant_scope
from backdesk.worker.model.version import Stranding, line_of, read_line
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.moments import moment

Job = TypeVar("Job", JobRecord, JobRow)

#: Facts of a place in line, and of the live workers, each by one command.
_FACTS, _OF_WORKERS = 7, 3
_TO_COME = frozenset({JobState.QUEUED, JobState.SCHEDULED})
_UNSET = ["~"] * 4


def with_holds(keys: Keys, records: Sequence[Job]) -> Operation[list[Job]]:
    """Return the records, those of jobs whose turn is to come with what they wait for. One round trip, or none."""
    queued: list[Job] = [record for record in records if record.state is JobState.QUEUED]
    if not any(record.state in _TO_COME for record in records):
        return list(records)
    places: list[tuple[str, str, str]] = [*dict.fromkeys(map(_place_of, queued))]
    (seconds, micros), *replies = yield Commands(
        [
            ("TIME",),
            *LiveWorkers.commands(keys),
            *(command for place in places for command in _facts(keys, *place)),
            *(command for record in queued for command in _standing(keys, record)),
        ]
    )
    now_us = int(seconds) * 1_000_000 + int(micros)
    workers, replies = LiveWorkers.read(replies[:_OF_WORKERS], now_us // 1000), replies[_OF_WORKERS:]
    in_line = {
        place: _Place(place, replies[at * _FACTS : (at + 1) * _FACTS], now_us) for at, place in enumerate(places)
    }
    standing = replies[len(places) * _FACTS :]
    told = {
        record.id: _told(record, in_line[_place_of(record)], ahead, first)
        for record, ahead, first in zip(queued, standing[::2], standing[1::2], strict=True)
    }
    return [_with_lack(told.get(record.id, record), workers) for record in records]


def _with_lack(record: Job, workers: LiveWorkers) -> Job:
    if record.state not in _TO_COME:
        return record
    lack = workers.lack(record.queue, Stranding.read(record.stranded or line_of(record.kind, record.slots)))
    return record.model_copy(update={"unserved": lack}) if lack else record


def _place_of(record: JobRecord | JobRow) -> tuple[str, str, str]:
    return record.queue, record.tenant, line_of(record.kind, record.slots)


def _facts(keys: Keys, queue: str, tenant: str, line: str) -> list[Command]:
    kind, _ = read_line(line)
    scopes = _scopes(queue, tenant, kind)
    return [
        ("HMGET", keys.held, f"{queue} {tenant} {line}", f"{queue} {tenant}"),
        ("HMGET", keys.policy, *scopes, tenant_scope(EVERY_TENANT), scope_of(tenant=EVERY_TENANT, kind=kind)),
        ("HMGET", keys.flow, *scopes, *map(unbegun, scopes), f"slots {kind}"),
        *(("GET", keys.rate(scope)) for scope in scopes),
    ]


def _scopes(queue: str, tenant: str, kind: str) -> list[str]:
    return [scope_of(queue=queue), tenant_scope(tenant), scope_of(kind=kind), scope_of(tenant=tenant, kind=kind)]


def _standing(keys: Keys, record: Job) -> list[Command]:
    conversation = keys.conversation(record.tenant, record.conversation or "")
    return [
        ("ZRANK", keys.line(*_place_of(record)), record.id),
        ("ZRANGE", conversation, 0, 0),
    ]


def _told(record: Job, place: _Place, ahead: int | None, first: list[bytes]) -> Job:
    if record.conversation and first and text(first[0]) != record.id:
        return record.model_copy(update={"behind": text(first[0])})
    if ahead is None:  # it is being delivered
        return record
    return record.model_copy(update={"ahead": ahead, "limited": place.hold(ahead)})


class _Place:
    """Where jobs of a kind and a tenant stand in a queue, with the limits that apply there."""

    def __init__(self, place: tuple[str, str, str], facts: Sequence[Any], now_us: int) -> None:
        held, policies, taken, *rates = facts
        queue, tenant, line = place
        kind, slots = read_line(line)
        self._scopes = _scopes(queue, tenant, kind)
        self._slots = slots or float(taken[8] or 1)
        self._held = next((text(scope) for scope in held if scope), None)
        self._own = [_words(policy) for policy in policies[:4]]
        self._paused = [read_pause(text(policy or "")) is not None for policy in policies[:4]]
        self._general = [_UNSET, _words(policies[4]), _UNSET, _words(policies[5])]
        self._taken = [float(each or 0) for each in taken[:4]]
        self._unbegun = taken[4:8]
        self._rates = rates
        self._now_us = now_us

    def hold(self, ahead: int) -> Hold | None:
        """Return what holds a job that has so many before it in its line."""
        if self._held in self._scopes:
            return self._hold(self._scopes.index(self._held), ahead)
        queue = self._hold(0, ahead)  # a full queue holds all of its tenants, and is not written down for each
        return queue if queue.reason != "rate" or self._waits(0) else None

    def _hold(self, at: int, ahead: int) -> Hold:
        most, interval_us = self._number(at, 1), self._number(at, 2)
        scope = self._scopes[at]
        full = most is not None and self._taken[at] + max(min(self._slots, most), 1) > most
        if full or interval_us is None:
            reason: Literal["paused", "max_running", "rate"] = "max_running" if full or scope == self._held else "rate"
            return Hold(scope=scope, reason="paused" if self._paused[at] else reason, run_at=None)
        begins_ms = math.ceil(self._next_us(at, interval_us) / 1000)
        run_at_ms = max(begins_ms, self._now_us // 1000) + ahead * interval_us / 1000
        return Hold(scope=scope, reason="rate", run_at=moment(math.floor(run_at_ms)))

    def _waits(self, at: int) -> bool:
        interval_us = self._number(at, 2)
        return interval_us is not None and self._next_us(at, interval_us) > self._now_us

    def _next_us(self, at: int, interval_us: float) -> float:
        of_rate = self._own[at] if self._own[at][2] != "~" else self._general[at]
        burst = 1 if of_rate[3] == "~" else float(of_rate[3])
        return next_us(self._rates[at], self._unbegun[at], interval_us, burst, self._now_us)

    def _number(self, at: int, word: int) -> float | None:
        """Return a limit, None where there is none; the order of the words is that of `JobLimits.policy`."""
        value = self._own[at][word] if self._own[at][word] != "~" else self._general[at][word]
        return None if value in {"~", "-"} else float(value)


def _words(policy: bytes | None) -> list[str]:
    return text(policy).split(" ", 4)[:4] if policy else _UNSET
