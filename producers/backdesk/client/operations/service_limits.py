"""What may be asked of outside services, and their circuit breakers: set, removed, looked at, switched by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic_core import to_json

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Commands, Operation
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.retry import LONGEST_WAIT_S
from backdesk.worker.model.service import (
    ANY_TENANT,
    BreakerState,
    BreakerStatus,
    BucketStatus,
    Limits,
    LimitStatus,
    Resource,
    Scope,
)
from backdesk.worker.store.calls import text
from backdesk.worker.store.moments import moment
from backdesk.worker.store.services import Reservations

# Named here because inside the class `list` is a method.
Buckets = list[BucketStatus]
LimitStatuses = list[LimitStatus]
BreakerStatuses = list[BreakerStatus]

#: Facts of a bucket, each by one command.
_FACTS = 4


class ServiceLimitOperations:
    """The operations on limits and breakers."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core
        self._reservations = Reservations(core.settings)

    def put(self, scope: str, values: Mapping[str, Any]) -> Operation[Limits]:
        """Set the limits of a scope, in place of those before."""
        limits, name = Limits.checked(**values), str(Scope.parse(scope))
        yield Commands([("HSET", self._core.keys.service_limits, name, to_json(limits, exclude_none=True))])
        return limits

    def remove(self, scope: str) -> Operation[bool]:
        """Remove the limits of a scope; returns whether there were any."""
        name = str(Scope.parse(scope))
        (removed,) = yield Commands([("HDEL", self._core.keys.service_limits, name)])
        return bool(removed)

    def list(self) -> Operation[LimitStatuses]:
        """Return all limits by scope, with the buckets in use; and services on hold that have no limits."""
        keys = self._core.keys
        set_, used, time = yield Commands(
            [("HGETALL", keys.service_limits), ("ZRANGE", keys.buckets, 0, -1, "WITHSCORES"), ("TIME",)]
        )
        limits = {text(scope): Limits.model_validate_json(raw) for scope, raw in set_.items()}
        buckets = yield from self._buckets([text(name) for name, _ in used], _ms(time))
        last = {text(name): moment(int(score)) for name, score in used}
        found: dict[str, list[BucketStatus]] = {scope: [] for scope in limits}
        for bucket in buckets:
            scope = next((each for each in _scopes_over(bucket.bucket) if each in limits), None)
            if scope is not None or bucket.held_until or bucket.parked:
                shown = bucket.model_copy(update={"last_call": last[bucket.bucket]})
                found.setdefault(scope or bucket.bucket, []).append(shown)
        return [LimitStatus(scope=name, limits=limits.get(name), buckets=found[name]) for name in sorted(found)]

    def _buckets(self, names: Sequence[str], now_ms: int) -> Operation[Buckets]:
        keys = self._core.keys
        if not names:
            return []
        commands: list[tuple[Any, ...]] = []
        for name in names:
            commands += [("HMGET", keys.level(name), "rate", "tokens"), ("ZCARD", keys.calls(name))]
            commands += [("ZCARD", keys.parked(name)), ("GET", keys.hold(name))]
        replies = yield Commands(commands)
        facts = [replies[at : at + _FACTS] for at in range(0, len(replies), _FACTS)]
        return [_bucket(name, each, now_ms) for name, each in zip(names, facts, strict=True)]

    def breakers(self) -> Operation[BreakerStatuses]:
        """Return every breaker that has ever counted a failure or was switched by hand, by name."""
        keys = self._core.keys
        names, time = yield Commands([("ZRANGE", keys.resources, 0, -1), ("TIME",)])
        if not names:
            return []
        since = _ms(time) - round(self._core.settings.breaker_window_s * 1000)
        resources = sorted(map(text, names))
        commands: list[tuple[Any, ...]] = []
        for name in resources:
            commands += [("HGETALL", keys.breaker(name)), ("ZCOUNT", keys.failures(name), since, "+inf")]
            commands.append(("ZCARD", keys.parked(f"breaker {name}")))
        replies = yield Commands(commands)
        each = zip(resources, replies[::3], replies[1::3], replies[2::3], strict=True)
        return [_breaker(*facts, now_ms=_ms(time)) for facts in each]

    def switch(self, resource: str, state: BreakerState, for_: float | timedelta | None) -> Operation[BreakerState]:
        """Open or close a breaker by hand; returns the state it was in. What a pause said of it is forgotten."""
        Resource(resource)
        call = self._reservations.switch(resource, state, _checked(for_))
        yield Commands([("HDEL", self._core.keys.pauses, f"service {resource}")])
        (was,) = yield Calls([call])
        return BreakerState(was)


def _checked(for_: float | timedelta | None) -> float | None:
    if for_ is None:
        return None
    seconds = for_.total_seconds() if isinstance(for_, timedelta) else for_
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds)
    if not (number and 0 < seconds <= LONGEST_WAIT_S):
        raise InvalidRequest("for", f"must be over 0 and at most 30 days, not {for_!r}")
    return seconds


def _scopes_over(bucket: str) -> list[str]:
    """Return the scopes that may limit a bucket, the most exact first; the order of `Resource.scopes`."""
    scope = Scope.parse(bucket)
    if scope.resource:
        known = Resource(scope.resource, scope.key).scopes(scope.tenant or ANY_TENANT)
        return [name for _, name, counted_in in known if counted_in == bucket]
    return [bucket, str(Scope(tenant=ANY_TENANT))]


def _bucket(name: str, facts: Sequence[Any], now_ms: int) -> BucketStatus:
    (rate, tokens), calls, parked, hold = facts
    until_ms = int(hold.split()[1]) if hold else 0
    return BucketStatus(
        bucket=name,
        requests_ahead_s=_ahead_s(rate, now_ms),
        tokens_ahead_s=_ahead_s(tokens, now_ms),
        calls=calls,
        parked=parked,
        held_until=moment(until_ms) if until_ms > now_ms else None,
    )


def _ahead_s(level: bytes | None, now_ms: int) -> float:
    return round(max(0.0, float(level) - now_ms) / 1000, 3) if level else 0.0


def _breaker(name: str, fields: Mapping[bytes, bytes], failures: int, parked: int, *, now_ms: int) -> BreakerStatus:
    raw = {text(field): text(value) for field, value in fields.items()}
    until_ms = int(raw.get("till") or 0)
    by_hand = raw.get("by_hand") == "1" and not 0 < until_ms <= now_ms
    state = BreakerState(raw.get("state", "closed"))
    probing = state is BreakerState.OPEN and not by_hand
    return BreakerStatus(
        resource=name,
        state=state,
        since=moment(int(raw["since"])) if "since" in raw else None,
        failures=failures,
        next_probe=moment(int(raw["probe_at"])) if probing else None,
        by_hand=by_hand,
        until=moment(until_ms) if by_hand and until_ms else None,
        prober=raw["prober"].rsplit(":", 2)[0] if raw.get("prober") else None,
        parked=parked,
    )


def _ms(time: Sequence[int]) -> int:
    return int(time[0]) * 1000 + int(time[1]) // 1000
