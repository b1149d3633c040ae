"""Retry policies: what they may say, and when another attempt follows."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from backdesk.worker.failure import Category, Failure
from backdesk.worker.model.retry import LONGEST_WAIT_S, NO_RETRY, RetryPolicy, decide

DEFAULT = RetryPolicy()
PLAIN = RetryPolicy(jitter=False)


def failure(
    category: Category = Category.NETWORK, *, transient: bool = True, retry_after_s: float | None = None
) -> Failure:
    return Failure(code="c", message="m", category=category, transient=transient, retry_after_s=retry_after_s)


def always(share: float) -> Callable[[], float]:
    return lambda: share


# What a policy may say


def test_the_default_policy() -> None:
    assert (DEFAULT.attempts, DEFAULT.base_s, DEFAULT.factor, DEFAULT.cap_s, DEFAULT.jitter) == (5, 1, 2, 300, True)
    assert DEFAULT.categories == {"rate_limit", "timeout", "network", "resource_exhaustion"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("attempts", 0),
        ("attempts", -1),
        ("attempts", 101),
        ("attempts", 2.5),
        ("attempts", None),
        ("base_s", 0),
        ("base_s", -1),
        ("base_s", math.nan),
        ("factor", 0.99),
        ("factor", math.inf),
        ("factor", math.nan),
        ("cap_s", 0.5),
        ("cap_s", math.inf),
        ("cap_s", math.nan),
        ("cap_s", LONGEST_WAIT_S + 1),
        ("jitter", "a bit"),
        ("categories", "network"),
        ("tries", 3),
    ],
)
def test_a_wrong_value_is_refused_with_its_field(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        RetryPolicy.model_validate({field: value})
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


def test_a_category_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="'rate_limit'") as caught:
        RetryPolicy.model_validate({"categories": ["network", "netwrok"]})
    assert caught.value.errors()[0]["loc"][0] == "categories"


def test_a_base_over_the_default_cap_is_refused_with_both() -> None:
    with pytest.raises(ValidationError, match=r"cap_s\n.*must be at least base_s \(1000 s\)"):
        RetryPolicy(base_s=1000)


def test_a_base_that_is_wrong_is_told_once() -> None:
    with pytest.raises(ValidationError) as caught:
        RetryPolicy(base_s=-1, cap_s=5)
    assert len(caught.value.errors()) == 1


def test_the_bounds_themselves_are_allowed() -> None:
    RetryPolicy(attempts=1, factor=1, base_s=LONGEST_WAIT_S, cap_s=LONGEST_WAIT_S, categories=frozenset())
    RetryPolicy(attempts=100, base_s=sys.float_info.min, cap_s=sys.float_info.min)


def test_a_policy_is_a_value() -> None:
    assert RetryPolicy.model_validate_json(DEFAULT.model_dump_json()) == DEFAULT
    assert hash(RetryPolicy()) == hash(DEFAULT)
    assert '"categories":["network","rate_limit","resource_exhaustion","timeout"]' in DEFAULT.model_dump_json()
    with pytest.raises(ValidationError, match="frozen"):
        DEFAULT.attempts = 9  # type: ignore[misc]  # the mistake under test


# When another attempt follows


@pytest.mark.parametrize("category", Category)
def test_only_the_categories_of_the_policy_are_tried_again(category: Category) -> None:
    assert (decide(PLAIN, failure(category), 1, always(0)) is not None) == (category in PLAIN.categories)


def test_what_is_permanent_is_not_tried_again() -> None:
    assert decide(DEFAULT, failure(transient=False, retry_after_s=3), 1, always(0)) is None


def test_the_last_attempt_is_not_followed_by_another() -> None:
    answers = [decide(PLAIN, failure(), failed, always(0)) for failed in range(1, 8)]
    assert answers == [1, 2, 4, 8, None, None, None]


def test_no_retry_gives_up_at_once() -> None:
    assert decide(NO_RETRY, failure(retry_after_s=1), 1, always(0)) is None


def test_the_wait_does_not_grow_over_the_cap() -> None:
    policy = RetryPolicy(attempts=100, cap_s=10, jitter=False)
    waits = [decide(policy, failure(), failed, always(0)) for failed in range(1, 100)]
    assert waits == [1, 2, 4, 8, *[10] * 95]


def test_a_factor_that_overflows_ends_at_the_cap() -> None:
    policy = RetryPolicy(attempts=100, factor=sys.float_info.max, jitter=False)
    assert [decide(policy, failure(), failed, always(0)) for failed in (1, 2, 3, 99)] == [1, 300, 300, 300]


def test_jitter_spreads_the_wait_from_zero_to_the_bound() -> None:
    assert [decide(DEFAULT, failure(), 3, always(share)) for share in (0, 0.25, 0.5)] == [0, 1, 2]


def test_without_jitter_nobody_asks_for_chance() -> None:
    def chance() -> float:
        raise AssertionError("was asked")

    assert decide(PLAIN, failure(), 1, chance) == 1
    assert decide(PLAIN, failure(retry_after_s=7), 1, chance) == 7


def test_what_the_provider_asks_for_wins_also_over_the_cap() -> None:
    policy = RetryPolicy(cap_s=2)
    assert [decide(policy, failure(retry_after_s=7), failed, always(0.5)) for failed in (1, 4)] == [7.5, 7.5]


def test_a_provider_that_names_no_wait_leaves_it_to_the_policy() -> None:
    assert decide(PLAIN, failure(retry_after_s=0), 3, always(0)) == 4


def test_a_provider_that_sends_us_away_for_months_ends_the_job() -> None:
    assert decide(DEFAULT, failure(retry_after_s=LONGEST_WAIT_S), 1, always(0)) == LONGEST_WAIT_S
    assert decide(DEFAULT, failure(retry_after_s=LONGEST_WAIT_S + 1), 1, always(0)) is None


@pytest.mark.parametrize("seed", range(20))
def test_every_wait_is_within_what_policy_and_provider_allow(seed: int) -> None:
    random = Random(seed)
    for _ in range(500):
        base_s = 10 ** random.uniform(-6, 6)
        policy = RetryPolicy(
            attempts=random.randint(1, 100),
            base_s=base_s,
            factor=1 + 10 ** random.uniform(-9, 300),
            cap_s=min(LONGEST_WAIT_S, base_s * 10 ** random.uniform(0, 6)),
            jitter=random.random() < 0.5,
        )
        failed = random.randint(1, 110)
        asked = random.choice([None, 0.0, 10 ** random.uniform(-6, 6)])
        wait = decide(policy, failure(retry_after_s=asked), failed, random.random)
        assert (wait is None) == (failed >= policy.attempts)
        if wait is not None:
            least, most = (asked, asked + base_s) if asked else (0, policy.cap_s)
            assert least <= wait <= most
            assert math.isfinite(wait)


@pytest.mark.parametrize("seed", range(5))
def test_without_jitter_no_wait_is_shorter_than_the_one_before(seed: int) -> None:
    random = Random(seed)
    policy = RetryPolicy(attempts=100, base_s=random.uniform(0.1, 9), factor=random.uniform(1, 3), jitter=False)
    waits = [decide(policy, failure(), failed, always(0)) or 0 for failed in range(1, 100)]
    assert waits == sorted(waits)
