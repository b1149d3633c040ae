"""A call with what surrounds it: the limits of the fleet, repeats that are safe, and what is kept."""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextlib import nullcontext
from dataclasses import dataclass

from backdesk.agents.desk import Desk
from backdesk.tools.http.address import RequestRefused
from backdesk.tools.http.fetch import Asked, Fetched, Sending, fetch
from backdesk.tools.http.flights import kept_or_fetched
from backdesk.tools.http.guard import Guard
from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.http_status import of_http
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.errors import Limited, TaskError
from backdesk.worker.failure import Category
from backdesk.worker.model.retry import RetryPolicy, decide
from backdesk.worker.model.service import Why

#: A call repeats what passes by itself within its time; what takes longer is for the job.
RETRY = RetryPolicy(attempts=3, base_s=0.25, cap_s=2)
#: What may be otherwise the next time, and whether the key is wrong: not for the model to mend.
_PASSING = frozenset({408, 425, 429}) | frozenset(range(500, 600))
_LOCKED = frozenset({401, 403, 407})
#: By these a service says that it did nothing.
_TURNED_AWAY = frozenset({"http_401", "http_403", "http_407", "http_429"})


class OutcomeUnknown(Exception):
    """A request that must not be repeated was sent, and nobody knows what came of it."""


class _Status(Exception):
    def __init__(self, host: str, found: Fetched) -> None:
        super().__init__(f"{host} answered with status {found.status}")
        self.status_code = found.status
        self.headers = found.headers


@dataclass(frozen=True, slots=True)
class Caller:
    """Makes the calls of one declaration. `ttl_s` keeps the answers to GET, for all tenants if they are `public`."""

    guard: Guard
    effect: Effect = Effect.PURE
    ttl_s: float = 0.0
    public: bool = False
    retry: RetryPolicy = RETRY
    #: Whether the limits and the breaker of `http/<host>` count.
    limited: bool = True

    async def call(self, desk: Desk, asked: Asked, fingerprint: str) -> tuple[Fetched, bool]:
        """Return what answers a request, and whether it was kept from before.

        Raises RequestRefused; TaskError when it failed, `http_…`, and took no effect; Limited when the service wants a
        pause that is longer than the call may take; OutcomeUnknown for one that is `unsafe` and may have taken effect.
        """
        if self.ttl_s <= 0 or self.effect is not Effect.PURE:
            return await self._repeated(desk, asked), False
        # What is allowed belongs to it: a declaration that allows less is not served what one with more has fetched.
        guard = self.guard
        reach = [sorted(guard.hosts), sorted(guard.ports), sorted(guard.types)]
        allowed = [*reach, guard.plain, guard.private, guard.max_bytes]
        key = f"http {json.dumps([allowed, guard.redirects, self.ttl_s])} {fingerprint}"
        return await kept_or_fetched(
            desk,
            key,
            lambda: self._repeated(desk, asked),
            ttl_s=self.ttl_s,
            patience_s=guard.timeout_s,
            public=self.public,
        )

    async def _repeated(self, desk: Desk, asked: Asked) -> Fetched:
        ends, failed = time.monotonic() + self.guard.timeout_s, 0
        while True:
            try:
                return await self._once(desk, asked, ends - time.monotonic())
            except TaskError as error:
                failed += 1
                wait_s = self._wait_s(error, failed)
                if wait_s is None:
                    raise
                if time.monotonic() + wait_s >= ends:
                    if error.retry_after_s:
                        raise Limited(wait_s, f"{asked.address.host} asks for a pause") from None
                    raise
                await asyncio.sleep(wait_s)

    def _wait_s(self, error: TaskError, failed: int) -> float | None:
        policy = self.retry.model_copy(update={"attempts": 1}) if self.effect is Effect.UNSAFE else self.retry
        if error.retry_after_s and error.transient:
            policy = self.retry  # it was turned away, and will be had again
        return decide(policy, classify(error), failed, random.random)

    async def _once(self, desk: Desk, asked: Asked, within_s: float) -> Fetched:
        host, sending = asked.address.host, Sending()
        if within_s <= 0:
            raise _unreachable(host, "did not answer in time")
        try:
            async with desk.reserve(f"http/{host}") if self.limited else nullcontext():
                found = await fetch(self.guard, asked, within_s=within_s, sending=sending)
                _check(host, found)
                return found
        except (TaskError, RequestRefused) as error:
            raise self._meaning(error, sending) from None
        except Limited as limited:
            # What the breaker makes of a failure is for other calls; this one has failed.
            if isinstance(limited.__cause__, TaskError | RequestRefused):
                raise self._meaning(limited.__cause__, sending) from None
            if limited.why == Why.BREAKER:
                raise _unreachable(host, "fails, and is left alone for a while") from None
            raise

    def _meaning(self, error: Exception, sending: Sending) -> Exception:
        """Return an error, or OutcomeUnknown where it leaves open whether the request was done."""
        turned_away = isinstance(error, TaskError) and error.code in _TURNED_AWAY
        if self.effect is not Effect.UNSAFE or turned_away or not sending.begun:
            return error
        return OutcomeUnknown(f"{error}; whether it was done is not known")


def _check(host: str, found: Fetched) -> None:
    status = _Status(host, found)
    if found.status not in _PASSING | _LOCKED or (failure := of_http(status)) is None:
        return
    raise TaskError(
        failure.code,
        str(status),
        category=failure.category,
        severity=failure.severity,
        transient=failure.transient,
        retry_after_s=failure.retry_after_s,
    )


def _unreachable(host: str, why: str) -> TaskError:
    return TaskError("http_unreachable", f"{host} {why}", category=Category.NETWORK, transient=True)
