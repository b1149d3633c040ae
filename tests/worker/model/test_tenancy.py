"""Limits and settings of tenants: what can be set, and what is refused, by field and reason."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from backdesk.worker.model.tenancy import JobLimits, Rate, TenantSettings, read_policy, scope_of


def refused(sort: type[JobLimits], fields: dict[str, Any]) -> dict[str, str]:
    """The fields that are refused, each with the reason."""
    with pytest.raises(ValidationError) as caught:
        sort(**fields)
    reasons: dict[str, str] = {}
    for error in caught.value.errors():
        reasons.setdefault(str(error["loc"][0] if error["loc"] else error["msg"]), error["msg"])
    return reasons


# What can be set


@pytest.mark.parametrize(
    ("text", "count", "unit"),
    [
        ("60/m", 60, "m"),
        ("1/s", 1, "s"),
        (" 100 / h ", 100, "h"),
        ("5 per day", 5, "d"),
        ("7/min", 7, "m"),
        ("2/SECOND", 2, "s"),
        ("100000/s", 100_000, "s"),
    ],
)
def test_a_rate_is_a_number_per_unit(text: str, count: int, unit: Any) -> None:
    assert JobLimits.model_validate({"rate": text}).rate == Rate(count=count, unit=unit)


def test_a_rate_is_written_as_it_is_read() -> None:
    limits = JobLimits.model_validate({"rate": "60 per minute", "burst": 5, "max_running": 3})
    assert limits.model_dump(exclude_none=True) == {"rate": "60/m", "burst": 5, "max_running": 3}
    assert JobLimits.model_validate(limits.model_dump()) == limits


def test_a_policy_is_read_as_it_was_set() -> None:
    settings = TenantSettings.model_validate(
        {"weight": 2.5, "rate": "60/m", "max_running": "none", "kinds": ["a.b", "c.d"]}
    )
    assert settings.policy.startswith("2.5 - 1000000.000000 ~ {")
    assert read_policy(settings.policy) == settings.model_dump(mode="json", exclude_none=True)


def test_what_is_not_set_and_what_is_explicitly_no_limit_differ() -> None:
    assert JobLimits().policy.startswith("~ ~ ~ ~ ")
    assert JobLimits(max_running="none", rate="none").policy.startswith("~ - - ~ ")


@pytest.mark.parametrize("weight", [0.01, 1, 7.123456789, 1000])
def test_a_weight_reaches_dispatch_to_six_digits(weight: float) -> None:
    assert float(TenantSettings(weight=weight).policy.split()[0]) == pytest.approx(weight, rel=1e-5)


def test_everything_that_a_tenant_may_have_is_stored_as_text() -> None:
    settings = TenantSettings(
        weight=2, tokens_per_day=1000, cost_per_day_usd=Decimal("1.50"), on_budget="fail", kinds=("a.b",), priority=7
    )
    assert settings.stored == {
        "weight": "2.0",
        "tokens_per_day": "1000",
        "cost_per_day_usd": "1.50",
        "on_budget": "fail",
        "kinds": '["a.b"]',
        "priority": "7",
    }


# What is refused

WRONG: list[tuple[str, Any]] = [
    *(("rate", value) for value in ("0/s", "-1/s", "60", "60/", "/m", "60/fortnight", "1.5/s", "nan/s", "", 60, True)),
    *(("rate", value) for value in ("100001/s", "99999999999/m", "9" * 400 + "/d", "١٢/s", {"count": 0, "unit": "s"})),
    *(("max_running", value) for value in (-1, 1.5, "3", True, math.nan, math.inf, "unlimited", 10**7)),
]
WRONG_OF_TENANTS: list[tuple[str, Any]] = [
    *(("weight", value) for value in (0, -1, 0.001, 1001, math.nan, math.inf, "heavy", True)),
    *(("priority", value) for value in (-1, 10, 5.0, "5", True)),
    *(("kinds", value) for value in ([], "a b", ["a b"], [""], [7], "any")),
    *(("tokens_per_day", value) for value in (0, -1, 1.5, "many", True)),
    *(("cost_per_day_usd", value) for value in (0, -1, math.nan, math.inf, "lots", "0.0000001")),
    ("on_budget", "panic"),
    ("colour", "red"),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_limit_that_cannot_be_kept_is_refused_by_its_field(field: str, value: Any) -> None:
    assert refused(JobLimits, {field: value}).keys() == {field}


@pytest.mark.parametrize(("field", "value"), [*WRONG, *WRONG_OF_TENANTS])
def test_a_setting_that_cannot_be_kept_is_refused_by_its_field(field: str, value: Any) -> None:
    assert refused(TenantSettings, {field: value}).keys() == {field}


@pytest.mark.parametrize("burst", [0, -1, 1.5, "2", True, math.nan, 1_000_001])
def test_a_burst_is_a_whole_number_of_at_least_one(burst: Any) -> None:
    assert refused(JobLimits, {"rate": "1/s", "burst": burst}).keys() == {"burst"}


@pytest.mark.parametrize("rate", [None, "none"])
def test_a_burst_is_about_a_rate(rate: str | None) -> None:
    (reason,) = refused(JobLimits, {"burst": 2, "rate": rate})
    assert "burst: is about a rate; give one" in reason


@pytest.mark.parametrize("rate", ["60/fortnight", "60", "-1/s", "1.5/s"])
def test_the_reason_says_what_would_do(rate: str) -> None:
    assert "such as 60/m" in refused(JobLimits, {"rate": rate})["rate"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert refused(TenantSettings, {"weight": 0, "priority": 11}).keys() == {"weight", "priority"}


# What limits are about


def test_limits_are_about_a_kind_a_kind_of_a_tenant_or_a_queue() -> None:
    assert scope_of(kind="a.b") == "kind a.b"
    assert scope_of(tenant="acme", kind="a.b") == "tenant acme kind a.b"
    assert scope_of(tenant="*", kind="a.b") == "tenant * kind a.b"
    assert scope_of(queue="agents") == "queue agents"


@pytest.mark.parametrize(
    "about", [{}, {"tenant": "acme"}, {"queue": "agents", "kind": "a.b"}, {"queue": "agents", "tenant": "acme"}]
)
def test_limits_of_anything_else_are_refused(about: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a kind, a kind of a tenant, or a queue"):
        scope_of(**about)
