"""Limits and circuit breakers of outside services."""

from __future__ import annotations

from backdesk.worker.store.keys.prefixed import Prefixed


class ServiceKeys(Prefixed):
    """Limits and circuit breakers of outside services."""

    __slots__ = ()

    @property
    def service_limits(self) -> str:
        """Hash: scope to what may be asked of an outside service there, as JSON. Kept."""
        return f"{self.prefix}:resource-limits"

    @property
    def buckets(self) -> str:
        """Zset: what has limits and was asked for, by the time in ms of the last call. Pruned after an hour."""
        return f"{self.prefix}:buckets"

    def level(self, bucket: str) -> str:
        """Hash: up to when the requests and tokens of a bucket are given away, in ms. Expires when it is empty."""
        return f"{self.prefix}:level:{bucket}"

    def calls(self, bucket: str) -> str:
        """Zset: calls under way in a bucket that limits them, by the time in ms they began. Expires after a day."""
        return f"{self.prefix}:calls:{bucket}"

    def hold(self, bucket: str) -> str:
        """String: from when until when a service wants no calls, in ms. Expires soon after."""
        return f"{self.prefix}:hold:{bucket}"

    def reservation(self, call: str) -> str:
        """String: what a call under way has reserved, as JSON. Expires after a day if it is never settled."""
        return f"{self.prefix}:reservation:{call}"

    def parked(self, line: str) -> str:
        """Zset: parked jobs that wait for a bucket or a breaker, by when in ms they were parked. Gone when empty."""
        return f"{self.prefix}:parked:{line}"

    @property
    def parked_lines(self) -> str:
        """Hash: line in which jobs are parked to the scopes that limit it, as JSON. Gone when empty."""
        return f"{self.prefix}:parked-lines"

    def breaker(self, resource: str) -> str:
        """Hash: the state of a service's circuit breaker. Kept while open by hand, else expires."""
        return f"{self.prefix}:breaker:{resource}"

    def failures(self, resource: str) -> str:
        """Zset: calls of a service that failed, by the time in ms. Expires when the newest is too old to count."""
        return f"{self.prefix}:failures:{resource}"

    @property
    def resources(self) -> str:
        """Zset: every service that has a breaker, by the time in ms at which it is forgotten. Pruned."""
        return f"{self.prefix}:resources"

    @property
    def breakers(self) -> str:
        """Channel: the changes of state of all circuit breakers."""
        return f"{self.prefix}:breakers"
