"""Which rules hold for a request, and in which order."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from backdesk.kinds.contextual.profile import read_rules
from backdesk.kinds.contextual.prompt_rules import Circumstances, Condition, PromptRule, applicable
from backdesk.kinds.contextual.samples import prompt_rules
from backdesk.kinds.contextual.sentiment import polarity_of, sentiment_of
from backdesk.kinds.contextual.tables import PromptRuleRow
from backdesk.kinds.contextual.topics import topics_of
from backdesk.platform.database import Database

DAY = date(2026, 3, 2)
NOW = Circumstances(
    day=DAY,
    tier="premium",
    sentiment="neutral",
    topics=("refund", "payment"),
    load="high",
    hours="closed",
    maintenance=False,
)


def rule(name: str, priority: int = 0, **condition: Any) -> PromptRule:
    return PromptRule(name=name, priority=priority, text="?", condition=Condition.model_validate(condition))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({}, True),
        ({"first_day": DAY, "last_day": DAY}, True),
        ({"first_day": DAY + timedelta(days=1)}, False),
        ({"last_day": DAY - timedelta(days=1)}, False),
        ({"tiers": ["basic", "premium"]}, True),
        ({"tiers": ["enterprise"]}, False),
        ({"sentiments": ["neutral"]}, True),
        ({"sentiments": ["negative", "positive"]}, False),
        ({"topics": ["payment", "system"]}, True),
        ({"topics": ["shopping"]}, False),
        ({"tiers": ["premium"], "topics": ["shopping"]}, False),
        ({"loads": ["high", "overloaded"]}, True),
        ({"loads": ["low"]}, False),
        ({"hours": "closed"}, True),
        ({"hours": "open"}, False),
        ({"maintenance": False}, True),
        ({"maintenance": True}, False),
        ({"tiers": ["premium"], "topics": ["refund"], "sentiments": ["neutral"], "first_day": DAY}, True),
    ],
)
def test_a_rule_holds_when_all_that_it_asks_about_is_so(condition: dict[str, Any], holds: bool) -> None:
    assert bool(applicable([rule("one", **condition)], NOW)) is holds


def test_the_most_important_rule_comes_first_and_equals_in_the_order_of_their_names() -> None:
    rules = [rule("b"), rule("late", -5), rule("a"), rule("first", 9)]
    assert [each.name for each in applicable(rules, NOW)] == ["first", "a", "b", "late"]


@pytest.mark.parametrize(
    "condition",
    [
        {"tiers": ["gold"]},
        {"weather": "fine"},
        {"topics": []},
        {"loads": ["enormous"]},
        {"hours": "late"},
        {"first_day": "2026-03-02", "last_day": "2026-03-01"},
    ],
)
def test_a_condition_that_makes_no_sense_is_an_error(condition: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Condition.model_validate(condition)


def test_the_rules_of_the_sample_are_read_as_they_are_written(shop: Database) -> None:
    with shop.of_all_tenants().read() as session:
        assert sorted(read_rules(session, "default"), key=str) == sorted(prompt_rules(shop.today()), key=str)


def test_a_tenant_s_own_rule_takes_the_place_of_the_common_one_of_its_name(shop: Database) -> None:
    with shop.of_all_tenants().write() as session:
        rule = {"name": "greeting", "condition": "{}", "priority": 1}
        session.add_all(PromptRuleRow(tenant=each, text=f"Of {each!r}.", **rule) for each in ("", "acme"))
    with shop.of_all_tenants().read() as session:
        acme, other = ([rule.text for rule in read_rules(session, each)] for each in ("acme", "other"))
    assert (acme, other) == (["Of 'acme'."], ["Of ''."])


def test_a_rule_that_cannot_be_read_is_left_out_and_logged(shop: Database, caplog: pytest.LogCaptureFixture) -> None:
    with shop.of_all_tenants().write() as session:
        session.add(PromptRuleRow(tenant="", name="broken", condition='{"tiers": ["gold"]}', text="?", priority=0))
    with shop.of_all_tenants().read() as session, caplog.at_level(logging.WARNING):
        assert "broken" not in {each.name for each in read_rules(session, "default")}
    assert "prompt_rule_unreadable" in caplog.text


@pytest.mark.parametrize(
    ("message", "topics"),
    [
        ("I want my money back, and where is the parcel?", ("refund", "delivery")),
        ("Can you recommend a lamp?", ("shopping",)),
        ("Why is the system so slow?", ("system",)),
        ("Hello!", ()),
    ],
)
def test_topics_are_told_by_words(message: str, topics: tuple[str, ...]) -> None:
    assert topics_of(message) == topics


@pytest.mark.parametrize(
    ("polarities", "sentiment"),
    [
        ([], "neutral"),
        ([0.2], "neutral"),
        ([0.21], "positive"),
        ([-0.8, 0.0, 0.0], "neutral"),
        ([0.5, -0.6], "negative"),
        ([-1.0, *[0.5] * 5], "positive"),
    ],
)
def test_what_was_said_last_counts_most_for_the_sentiment(polarities: list[float], sentiment: str) -> None:
    assert sentiment_of(polarities) == sentiment


def test_the_polarity_of_a_message_is_that_of_its_words() -> None:
    assert polarity_of("This is terrible, I am very angry") < -0.5 < 0.5 < polarity_of("Great, I am happy!")
    assert polarity_of("Where is order 10003?") == 0
