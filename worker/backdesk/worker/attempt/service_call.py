"""One call of an outside service: it waits for its turn, begins, and is settled however it ends.

Before it begins one round trip asks all limits and the breaker; what comes after it is not waited for, unless the call
has failed: whether its job then counts a failure or waits depends on the breaker. Where no limit is set and the service
has not failed of late, an answer is not told at all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from backdesk.worker.errors import BackdeskError, InvalidRequest, Limited, TaskError
from backdesk.worker.failure import Category, Failure
from backdesk.worker.model.job import Claim
from backdesk.worker.model.service import (
    LARGEST,
    AskAgain,
    BreakerState,
    Denied,
    Granted,
    Resource,
    Settled,
    TooLarge,
    Went,
    Why,
)
from backdesk.worker.pipeline import Pipeline, Run
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.services import Reservations

log = logging.getLogger(__name__)

#: How long a service is left alone that wants fewer calls and does not say for how long. Seconds.
HOLD_S = 1.0
_BROKEN = frozenset({Category.NETWORK, Category.TIMEOUT})
_SENTENCES = {
    Why.RATE: "its requests per minute are used up",
    Why.TOKENS: "its tokens per minute are used up",
    Why.CONCURRENCY: "all of its calls at a time are under way",
    Why.HOLD: "it has asked for a pause",
    Why.BREAKER: "it fails, and is being probed",
}


class ServiceCalls:
    """Makes the calls of outside services of one attempt.

    `classify` says what an error means; `sleep` waits, in this thread or, when it is to be awaited, on the loop.
    """

    def __init__(
        self,
        claim: Claim,
        submit: Callable[[Call[Any]], Future[Any]],
        reservations: Reservations,
        *,
        wait_s: float,
        classify: Callable[[BaseException], Failure],
        random: Callable[[], float],
        sleep: Callable[[float], Any],
    ) -> None:
        self.claim = claim
        self.submit = submit
        self.reservations = reservations
        self.wait_s = wait_s
        self.classify = classify
        self.random = random
        self.sleep = sleep
        self._calls = 0

    def reserve(self, resource: str, *, key: str = "", tokens: int = 0) -> Pipeline[ServiceCall]:
        """Enclose one call of an outside service, which begins when the limits of the whole fleet allow it.

        `resource` is its name, as `openai/gpt-4o`; `key` a fingerprint of the key in use (`fingerprint_of` of
        `model.service`); `tokens` an estimate of all that the call will use, which `used` of the value given corrects.
        What the block raises tells the circuit breaker how the service is.

        Raises Limited when there is no room for longer than BACKDESK_LIMIT_WAIT_S or the service is known to fail: the
        job is parked, and no attempt is counted. Raises TaskError (`call_over_limit`) for a call larger than a minute
        allows, and InvalidRequest for a name, key or estimate that is none.
        """
        call = ServiceCall(self, Resource(resource, key), tokens)
        yield from call.begin()
        return call

    def next_call(self) -> str:
        """Name the next call of the attempt."""
        self._calls += 1
        return f"{self.claim.job_id}:{self.claim.fence}:{self._calls}"


class ServiceCall:
    """A call that is to begin when its limits have room."""

    def __init__(self, services: ServiceCalls, resource: Resource, tokens: int) -> None:
        if not isinstance(tokens, int) or isinstance(tokens, bool) or not 0 <= tokens <= LARGEST:
            raise InvalidRequest("tokens", f"must be a whole number from 0 to {LARGEST}, not {tokens!r}")
        self._services = services
        self._call = services.next_call()
        self._used: int | None = None
        self._free = False
        self.resource = resource
        #: What was reserved.
        self.tokens = tokens

    def used(self, tokens: int) -> None:
        """Say what the call has really used in all; without it the estimate stands."""
        self._used = max(0, int(tokens))

    def begin(self) -> Pipeline[None]:
        """Wait until the call may begin. Raises Limited when that is not soon, TaskError when it can never be."""
        try:
            yield from self._wait_for_turn()
        except (Limited, TaskError):
            raise
        except BaseException:
            # Whether it was reserved is not known; written in this order in any case.
            self._settle(Went.UNUSED)
            raise

    def _wait_for_turn(self) -> Pipeline[None]:
        services, patience_ends = self._services, time.monotonic() + self._services.wait_s
        while True:
            wait_s = max(0.0, patience_ends - time.monotonic())
            tenant = services.claim.tenant
            reserve = services.reservations.reserve(self._call, self.resource, tenant, self.tokens, wait_s)
            match (yield services.submit(reserve)):
                case Granted(delay_s, probe, free):
                    self._free = free
                    if probe:
                        log.info("breaker_probe", extra={"resource": self.resource.name})
                    return (yield from self._pause(delay_s))
                case AskAgain(delay_s):
                    yield from self._pause(delay_s * (0.5 + services.random()))
                case Denied(delay_s, why, line):
                    raise self._limited(delay_s, why, line)
                case TooLarge(bucket):
                    raise self._too_large(bucket)

    def end(self, error: BaseException | None) -> Pipeline[None]:
        """Settle the call. Raises Limited in place of an error for which the breaker is open."""
        went, hold_s = self._how_it_went(error)
        if self._free and went is Went.ANSWERED:
            return
        settled = self._settle(went, hold_s)
        if went is Went.FAILED:
            after: Settled = yield settled
            if after.state is not BreakerState.CLOSED:
                line = f"breaker {self.resource.name}"
                raise self._limited(max(after.probe_in_s, 0.1), Why.BREAKER, line) from error

    def _settle(self, went: Went, hold_s: float | None = None) -> Future[Settled]:
        settle = self._services.reservations.settle(self._call, self.resource, went, self._used, hold_s)
        settled = self._services.submit(settle)
        settled.add_done_callback(self._report)
        return settled

    def _report(self, settled: Future[Settled]) -> None:
        if settled.cancelled() or settled.exception() is not None:
            return
        after = settled.result()
        if after.changed:
            log.warning("breaker_changed", extra={"resource": self.resource.name, "state": after.state})

    def _how_it_went(self, error: BaseException | None) -> tuple[Went, float | None]:
        if error is None:
            return Went.ANSWERED, None
        # Errors of our own, and what breaks an attempt off, say nothing about the service.
        if not isinstance(error, Exception) or (isinstance(error, BackdeskError) and not isinstance(error, TaskError)):
            return Went.UNKNOWN, None
        failure = self._services.classify(error)
        if failure.category is Category.RATE_LIMIT:
            return Went.LIMITED, failure.retry_after_s or HOLD_S
        if failure.category in _BROKEN and failure.transient:
            return Went.FAILED, None
        return (Went.UNKNOWN if failure.category is Category.UNKNOWN else Went.ANSWERED), None

    def _pause(self, delay_s: float) -> Pipeline[None]:
        if delay_s > 0:
            yield Run(lambda: self._services.sleep(delay_s))

    def _limited(self, delay_s: float, why: Why, line: str) -> Limited:
        reason = f"{self.resource.name}: {_SENTENCES[why]}"
        return Limited(delay_s, reason, resource=self.resource.name, why=why, line=line)

    def _too_large(self, bucket: str) -> TaskError:
        message = f"a call of {self.resource.name} needs {self.tokens} tokens, more than {bucket} is given in a minute"
        return TaskError("call_over_limit", message, category=Category.RESOURCE_EXHAUSTION)


#: A thread that sleeps feels an interrupt only between two calls of the system.
_NAP_S = 0.1


def sleep_in_naps(seconds: float) -> None:
    """Sleep in this thread so that it can be interrupted soon."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        time.sleep(min(_NAP_S, left))
