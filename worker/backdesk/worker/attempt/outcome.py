"""The outcome of an attempt that did not return.

Its job fails, is tried again, waits, or is handed over, by what the body raised and by why it was stopped. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.ledger import LeavingNow, Ledger, Suspended
from backdesk.worker.attempt.outage import Outage
from backdesk.worker.errors import FenceLost, Limited
from backdesk.worker.failure import Category, Failure, Severity, support_reference
from backdesk.worker.model.job import Cancelled, Claim, Deferred, Expired, Failed, HandedOver, Outcome, Retried, Waiting
from backdesk.worker.model.retry import LONGEST_WAIT_S, RetryPolicy, decide
from backdesk.worker.process.leases import Lease, Stop

E = TypeVar("E", bound=BaseException)

#: Wait for a limit that does not say how long.
SHORTEST_DEFERRAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes that attempts at one job can have."""

    claim: Claim
    policy: RetryPolicy
    #: Whether a fallback answers in place of a failure.
    stands_in: Callable[[Failure], bool]
    random: Callable[[], float]
    outage: Outage

    def on_error(self, error: BaseException, lease: Lease, ledger: Ledger) -> Outcome:
        """Return how an attempt ended whose body raised; raises FenceLost when nobody may know any more."""
        if lease.stopped is Stop.LOST or _find(error, FenceLost):
            raise FenceLost from error
        if _find(error, Suspended) and ledger.awaited and lease.stopped is not Stop.CANCELLED:
            return Waiting(tuple(ledger.awaited))
        if lease.stopped is not None:
            return self.on_stop(lease)
        if _find(error, LeavingNow):
            return HandedOver()
        if (limit := _find(error, Limited)) is not None:
            return self._deferred(limit, self.named(classify(limit)))
        return self.on_failure(classify(error))

    def on_stop(self, lease: Lease) -> Outcome:
        """Return how an attempt ended that was stopped."""
        match lease.stopped:
            case Stop.CANCELLED:
                return Cancelled(self._stopped("cancelled", lease.message, Category.UNKNOWN, Severity.LOW))
            case Stop.EXPIRED:
                return Expired(self._stopped("expired", "not finished before it expired", Category.TIMEOUT))
            case Stop.TIMED_OUT:
                failure = self._stopped("attempt_timeout", "the attempt took longer than one may", Category.TIMEOUT)
                return self.on_failure(failure.model_copy(update={"transient": True}))
            case Stop.HAND_OVER | Stop.OVERSPENT:  # whoever goes on asks the budget first
                return HandedOver()
            case _:
                raise FenceLost

    def on_failure(self, failure: Failure) -> Outcome:
        """Return whether a failed attempt is followed by another."""
        failure = self.named(failure)
        delay_s = decide(self.policy, failure, self.claim.failures + 1, self.random)
        return Failed(failure) if delay_s is None else Retried(failure, delay_s)

    def _deferred(self, limit: Limited, failure: Failure) -> Deferred | Failed:
        """Park for as long as the limit asks for, as far as that is a time at all, and the job may wait for it."""
        wait_s = SHORTEST_DEFERRAL_S if failure.retry_after_s is None else failure.retry_after_s
        left_s = self.outage.left_s(limit) if self.stands_in(failure) else None
        if left_s is not None and left_s <= 0:
            return Failed(self.named(self.outage.over(failure, limit)))
        wait_s = min(wait_s, LONGEST_WAIT_S if left_s is None else left_s)
        return Deferred(failure, wait_s, limit.resource, limit.why, limit.line, left_s)

    def named(self, failure: Failure) -> Failure:
        """Return a failure as that of this attempt: with what support knows it by."""
        reference = support_reference(self.claim.job_id, self.claim.attempt)
        return failure.model_copy(update={"reference": reference, "fallback_available": self.stands_in(failure)})

    def _stopped(self, code: str, message: str, category: Category, severity: Severity = Severity.MEDIUM) -> Failure:
        return self.named(Failure(code=code, message=message, category=category, severity=severity))


def _find(error: BaseException, kind: type[E]) -> E | None:
    """Return an error of this kind, also from within a group, as task groups raise."""
    return next((each for each in _flat(error) if isinstance(each, kind)), None)


def _flat(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _flat(each)
    else:
        yield error
