"""The retry policy: when a failed attempt is followed by another. Data; a pure function decides by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_serializer, field_validator

from backdesk.worker.failure import Category, Failure

#: The longest wait between two attempts, in seconds.
LONGEST_WAIT_S = 30 * 86_400.0

#: By how much a wait of a list may be longer, as a part of it.
SPREAD = 0.1

Finite = Annotated[float, Field(allow_inf_nan=False)]
Delay = Annotated[Finite, Field(ge=0, le=LONGEST_WAIT_S)]


class RetryPolicy(BaseModel):
    """How often, how soon and for what reasons a job is attempted again.

    `attempts` is how many attempts may fail before the job does. The wait grows from `base_s` by `factor` with each
    of them, to `cap_s` at most; with `jitter` it is a random part of that. With the defaults: up to 1, 2, 4 and 8 s.
    `delays_s` says the wait after each failure instead, the last one also after all others; with `jitter` it is up to a
    tenth longer, and what a provider asks for can only make it longer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    attempts: int = Field(5, ge=1, le=100)
    base_s: Finite = Field(1.0, gt=0)
    factor: Finite = Field(2.0, ge=1)
    cap_s: Finite = Field(300.0, le=LONGEST_WAIT_S)
    delays_s: tuple[Delay, ...] = Field((), max_length=100)
    jitter: bool = True
    categories: frozenset[Category] = frozenset(
        {Category.RATE_LIMIT, Category.TIMEOUT, Category.NETWORK, Category.RESOURCE_EXHAUSTION}
    )

    @field_validator("cap_s")
    @classmethod
    def _not_below_base(cls, cap_s: float, info: ValidationInfo) -> float:
        base_s = info.data.get("base_s", cap_s)
        if cap_s < base_s:
            raise ValueError(f"must be at least base_s ({base_s:g} s)")
        return cap_s

    @field_serializer("categories", when_used="json")
    def _in_order(self, categories: frozenset[Category]) -> list[Category]:
        # A set's order differs between processes; equal policies are equal JSON.
        return sorted(categories)


NO_RETRY = RetryPolicy(attempts=1)


def decide(policy: RetryPolicy, failure: Failure, failed: int, random: Callable[[], float]) -> float | None:
    """Return in how many seconds to try again after the `failed`-th counted failure (from 1), None to give up.

    The wait is `random() * min(cap_s, base_s * factor ** (failed - 1))` ("Exponential Backoff And Jitter", AWS: full
    jitter); `random` returns from 0 to below 1. A wait that the provider asks for takes its place: never less than
    that, up to `base_s` more, and giving up when it is over `LONGEST_WAIT_S`. With `delays_s` it is the longer of both.
    """
    if not failure.transient or failure.category not in policy.categories or failed >= policy.attempts:
        return None
    share = random() if policy.jitter else 1.0
    if (failure.retry_after_s or 0) > LONGEST_WAIT_S:
        return None
    if policy.delays_s:
        wait_s = policy.delays_s[min(failed, len(policy.delays_s)) - 1]
        return max(wait_s, failure.retry_after_s or 0) * (1 + SPREAD * share * policy.jitter)
    if not failure.retry_after_s:
        return share * _bound_s(policy, failed)
    # Those who were sent away together must not come back at one instant.
    return failure.retry_after_s + (share * policy.base_s if policy.jitter else 0.0)


def _bound_s(policy: RetryPolicy, failed: int) -> float:
    try:
        return min(policy.cap_s, policy.base_s * policy.factor ** (failed - 1))
    except OverflowError:
        return policy.cap_s
