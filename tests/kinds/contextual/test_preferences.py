"""What customers prefer: which statement counts, what a message teaches, and how it is kept and explained."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from sqlalchemy import func, select

from backdesk.agents.outcome import Refusal
from backdesk.kinds.contextual.inferences import inferences
from backdesk.kinds.contextual.inferences import statements as stated_in
from backdesk.kinds.contextual.preferences import PREFERENCES, Source, Statement, in_force, stands_in
from backdesk.kinds.contextual.tables import PreferenceStatement
from backdesk.kinds.contextual.tools.preferences import (
    PreferenceKept,
    PreferencesExplained,
    explain_preferences,
    update_preference,
)
from backdesk.platform.database import Database
from backdesk.shop.samples import PRODUCTS
from tests.support.deployment import desk_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def stated(value: str, source: Source, minute: int = 0, name: str = "contact_method") -> Statement:
    at = NOON + timedelta(minutes=minute)
    return Statement(name=name, value=value, source=source, by="assistant", reason="?", at=at)


@pytest.mark.parametrize(
    ("statements", "counts"),
    [
        ([stated("email", "inferred", 0), stated("sms", "inferred", 1)], "sms"),
        ([stated("email", "explicit", 0), stated("sms", "explicit", 1)], "sms"),
        ([stated("email", "explicit", 0), stated("sms", "inferred", 1)], "email"),
        ([stated("email", "inferred", 2), stated("sms", "explicit", 0), stated("chat", "explicit", 1)], "chat"),
    ],
)
def test_an_explicit_statement_beats_an_inferred_one_and_the_newer_beats_the_older(
    statements: list[Statement], counts: str
) -> None:
    assert {in_force(order)["contact_method"].value for order in permutations(statements)} == {counts}


def test_of_two_statements_at_one_moment_the_later_written_counts() -> None:
    assert in_force([stated("email", "explicit"), stated("sms", "explicit")])["contact_method"].value == "sms"


@pytest.mark.parametrize(
    ("message", "learned"),
    [
        ("Please keep it short: where is my order?", {"communication_style": "concise"}),
        ("Call me as soon as possible!", {"contact_method": "phone", "response_time": "immediate"}),
        ("I am looking for a lamp, no hurry.", {"interested_in": "lighting", "response_time": "no hurry"}),
        ("My lamp flickers.", {}),
        ("Where is order 10003?", {}),
        ("Please don't call me, ever", {}),
        ("Never text me again!", {}),
        ("Call me never.", {}),
        ("There is no need to call me or to e-mail me.", {}),
        ("Please don't call me, text me.", {"contact_method": "sms"}),
        ("I am not looking for lamps.", {}),
        ("It is not urgent, take your time.", {"response_time": "no hurry"}),
        ("Please explain it in simple words", {"communication_style": "simple"}),
    ],
)
def test_the_offline_rules_learn_what_a_message_says_and_nothing_that_it_denies(
    message: str, learned: dict[str, str]
) -> None:
    found = inferences(message)
    assert {each.name: each.value for each in found} == learned
    assert all(each.value in PREFERENCES[each.name] for each in found)
    assert all(stands_in(each.quote, message) for each in found)


@pytest.mark.parametrize(
    ("message", "stated"),
    [
        ("I prefer email", {"contact_method": "email"}),
        ("I do not prefer phone", {}),
        ("I prefer not to be contacted by phone but by email", {"contact_method": "email"}),
        ("Set my communication style to technical", {"communication_style": "technical"}),
        ("Please set my contact method to pigeon", {"contact_method": "pigeon"}),
        ("Never set my contact method to sms", {}),
    ],
)
def test_the_offline_rules_keep_what_is_stated_unless_it_is_denied(message: str, stated: dict[str, str]) -> None:
    assert {each.name: each.value for each in stated_in(message)} == stated


@pytest.mark.parametrize(
    ("quote", "message", "stands"),
    [
        ("call me", "Please CALL  me!", True),
        ("\u201ccall me.\u201d", "Please call me tomorrow", True),
        ("don\u2019t call", "Please don't call me", True),
        ("\u96fb\u8a71\u3057\u3066", "\u96fb\u8a71\u3057\u3066\u304f\u3060\u3055\u3044", True),
        ("I like the phone", "Please don't call me, ever", False),
        ("call ... tomorrow", "Please call me tomorrow", False),
        (" . ", "Please call me.", False),
    ],
)
def test_a_quote_proves_something_only_if_it_stands_in_the_message(quote: str, message: str, stands: bool) -> None:
    assert stands_in(quote, message) is stands


def test_what_can_be_of_interest_is_what_the_shop_sells() -> None:
    assert set(PREFERENCES["interested_in"]) == {product.category for product in PRODUCTS}


# Kept


def statements(shop: Database, customer: str = "cust-2") -> int:
    with shop.of_all_tenants().read() as session:
        count = select(func.count()).select_from(PreferenceStatement).filter_by(customer_id=customer)
        return session.scalar(count) or 0


async def update(
    shop: Database, value: str, source: Source = "explicit", *, name: str = "contact_method", job: str = "job-1"
) -> PreferenceKept | Refusal:
    desk = desk_of(shop, job, "cust-2")
    desk.message = f"I want it as {value.strip()}"
    return await update_preference(desk, name, value, desk.message, source)


async def test_what_no_words_of_the_customer_prove_is_not_kept(shop: Database) -> None:
    desk = desk_of(shop, "job-1", "cust-2")
    desk.message = "Please don't call me, ever"
    refused = await update_preference(desk, "contact_method", "phone", "The customer likes the phone")
    assert isinstance(refused, Refusal)
    assert "does not stand in the customer's message" in refused.refused
    assert statements(shop) == 0


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in PREFERENCES for value in PREFERENCES[name]])
async def test_every_allowed_value_is_kept(shop: Database, name: str, value: str) -> None:
    kept = await update(shop, f" {value.upper()} ", name=name)
    assert isinstance(kept, PreferenceKept)
    learned = kept.learned()
    assert learned["preferences"] == {name: value}
    assert [(each.name, each.value) for each in learned["learned"]] == [(name, value)]


@pytest.mark.parametrize(
    ("name", "value", "listed"),
    [
        ("contact_method", "pigeon", "email, phone, chat, sms"),
        ("favourite_colour", "blue", "communication_style, interested_in, contact_method, response_time"),
    ],
)
async def test_any_other_is_refused_with_the_list_of_what_can_be(
    shop: Database, name: str, value: str, listed: str
) -> None:
    refused = await update(shop, value, name=name)
    assert isinstance(refused, Refusal)
    assert listed in refused.refused
    assert statements(shop) == 0


async def test_nothing_is_kept_for_a_customer_who_is_not_named(shop: Database) -> None:
    assert isinstance(await update_preference(desk_of(shop, customer_id=None), "contact_method", "sms", "?"), Refusal)
    assert isinstance(await explain_preferences(desk_of(shop, customer_id=None)), Refusal)


async def test_a_repeat_of_a_statement_by_its_job_adds_nothing_and_a_change_of_mind_does(shop: Database) -> None:
    outcomes = [await update(shop, value) for value in ("sms", "sms", "email", "sms")]
    assert statements(shop) == 3
    assert isinstance(outcomes[-1], PreferenceKept)
    assert outcomes[-1].preferences == {"contact_method": "sms"}


def test_two_attempts_at_one_moment_keep_one_statement(shop: Database) -> None:
    import asyncio

    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda _: asyncio.run(update(shop, "sms")), range(8)))
    assert all(isinstance(each, PreferenceKept) for each in kept)
    assert statements(shop) == 1


async def test_a_tenant_knows_only_its_own_statements(shop: Database) -> None:
    await update(shop, "sms")
    other = desk_of(shop, "job-2", "cust-2")
    other.tenant = "other"
    explained = await explain_preferences(other)
    assert explained == PreferencesExplained(statements=[])


async def test_each_statement_can_be_explained_by_who_what_when_why_and_whether_it_counts(shop: Database) -> None:
    await update(shop, "email", "inferred", job="job-1")
    await update(shop, "phone", "explicit", job="job-2")
    await update(shop, "chat", "inferred", job="job-3")
    explained = await explain_preferences(desk_of(shop, "job-4", "cust-2"), "contact_method")
    assert isinstance(explained, PreferencesExplained)
    assert [(each.value, each.counts) for each in explained.statements] == [
        ("chat", False),
        ("phone", True),
        ("email", False),
    ]
    assert {(each.by, each.at.date()) for each in explained.statements} == {("agent", shop.today())}
    assert explained.statements[0].reason == "The customer wrote 'I want it as chat'."
    assert "the customer has said otherwise" in explained.statements[0].because


async def test_what_is_inferred_and_known_already_is_not_learned_again(shop: Database) -> None:
    style = "communication_style"
    first = await update(shop, "concise", "inferred", name=style, job="job-1")
    again = await update(shop, "concise", "inferred", name=style, job="job-1")
    assert first == again, "another attempt at the job tells the same"
    known = await update(shop, "concise", "inferred", name=style, job="job-2")
    assert isinstance(known, PreferenceKept)
    assert known.taught == ()
    await update(shop, "detailed", "inferred", name=style, job="job-3")
    assert statements(shop) == 2
