"""The sample shop's rules for prompts, and what it knows of a few customers."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy.orm import Session

from backdesk.kinds.contextual.prompt_rules import Condition, PromptRule
from backdesk.kinds.contextual.tables import Interaction, PreferenceStatement, PromptRuleRow
from backdesk.platform.samples import Sample
from backdesk.shop.samples import SAMPLE as SHOP
from backdesk.worker.model.job import DEFAULT_TENANT


def prompt_rules(today: date) -> list[PromptRule]:
    """Return the rules of the sample; promotions are dated by the day of the seeding."""
    return [
        PromptRule(
            name="calm-displeased-customers",
            condition=Condition(sentiments=frozenset({"negative"})),
            text="The customer is displeased: acknowledge it in a sentence, solve the matter first, sell nothing.",
            priority=100,
        ),
        PromptRule(
            name="enterprise-service",
            condition=Condition(tiers=frozenset({"enterprise"})),
            text="Enterprise customers get a ticket of priority `high` for whatever you cannot solve at once.",
            priority=80,
        ),
        PromptRule(
            name="returns-policy",
            condition=Condition(topics=frozenset({"refund"})),
            text="An unused order can be refunded in full within 30 days of its delivery, once. Promise no more.",
            priority=60,
        ),
        PromptRule(
            name="overloaded",
            condition=Condition(loads=frozenset({"overloaded"})),
            text="Answers take longer than usual at the moment: excuse it in half a sentence, and be brief.",
            priority=50,
        ),
        PromptRule(
            name="maintenance",
            condition=Condition(maintenance=True, topics=frozenset({"system", "technical"})),
            text="What does not work may be due to the maintenance: say so before you look for another reason.",
            priority=50,
        ),
        PromptRule(
            name="premium-early-access",
            condition=Condition(tiers=frozenset({"premium", "enterprise"}), topics=frozenset({"shopping"})),
            text="Mention that premium and enterprise customers are served from the stock first.",
            priority=30,
        ),
        PromptRule(
            name="audio-weeks",
            condition=Condition(
                first_day=today - timedelta(days=7),
                last_day=today + timedelta(days=30),
                sentiments=frozenset({"neutral", "positive"}),
                topics=frozenset({"shopping"}),
            ),
            text=f"Audio weeks until {today + timedelta(days=30)}: mention them once if audio fits what is asked.",
            priority=10,
        ),
        PromptRule(
            name="spring-clearance",
            condition=Condition(
                first_day=today - timedelta(days=90),
                last_day=today - timedelta(days=60),
                topics=frozenset({"shopping"}),
            ),
            text="Clearance of lighting: mention it once.",
            priority=10,
        ),
    ]


def seed(session: Session, today: date) -> None:
    """Add the rules, and what is known of `cust-1` and `cust-3` under the tenant that jobs have by default."""
    session.add_all(
        PromptRuleRow(
            tenant=DEFAULT_TENANT, condition=rule.condition.model_dump_json(), **rule.model_dump(exclude={"condition"})
        )
        for rule in prompt_rules(today)
    )
    stated = [
        ("cust-1", 40, "interested_in", "lighting", "inferred", "The customer wrote 'looking for'."),
        ("cust-1", 20, "interested_in", "computing", "explicit", "The customer asked for offers of keyboards."),
        ("cust-1", 20, "communication_style", "casual", "explicit", "The customer asked not to be so formal."),
        ("cust-3", 15, "communication_style", "concise", "inferred", "The customer wrote 'keep it short'."),
        ("cust-3", 10, "contact_method", "phone", "explicit", "The customer asked to be called."),
    ]
    session.add_all(
        PreferenceStatement(
            tenant=DEFAULT_TENANT,
            customer_id=customer,
            key=f"sample/{customer}/{name}/{value}",
            name=name,
            value=value,
            source=source,
            by="assistant",
            reason=reason,
            at=_at(today, days),
        )
        for customer, days, name, value, source, reason in stated
    )
    talks = [
        ("cust-1", 20, "Do you have offers of keyboards?", "The Cobalt keyboard is in stock.", "neutral"),
        ("cust-1", 5, "Thanks, the headphones are great!", "I am glad to hear that.", "positive"),
        ("cust-3", 10, "My order is late, please call me.", "A colleague will call you today.", "negative"),
    ]
    session.add_all(
        Interaction(
            tenant=DEFAULT_TENANT,
            customer_id=customer,
            key=f"sample/{customer}/{days}",
            asked=asked,
            answered=answered,
            sentiment=sentiment,
            at=_at(today, days),
        )
        for customer, days, asked, answered, sentiment in talks
    )


def _at(today: date, days_ago: int) -> datetime:
    return datetime.combine(today - timedelta(days=days_ago), time(10), UTC)


SAMPLE = Sample("sample-profiles", seed, leans_on=SHOP)
