"""What is known of a customer: who they are, what they prefer, what was last talked about.

All of it belongs to a tenant and a customer id. The functions block; each that writes is one transaction of the caller,
and repeating it for the same key adds nothing.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from backdesk.kinds.contextual.preferences import Statement, in_force
from backdesk.kinds.contextual.prompt_rules import Condition, PromptRule, Tier
from backdesk.kinds.contextual.tables import Interaction, PreferenceStatement, PromptRuleRow
from backdesk.shop.tables import Customer
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.recurrence import read_zone

#: How many interactions a profile has, and how much of each. Characters.
MOST_INTERACTIONS, LONGEST_TEXT = 3, 300

_log = logging.getLogger(__name__)


class PastInteraction(BaseModel):
    """What was asked and answered before, in short. `at` is in UTC."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    asked: str
    answered: str
    sentiment: str


class CustomerProfile(BaseModel):
    """A customer as agents know them. One who is not known is a basic customer without a name.

    `preferences` are those in force, `interactions` the last three, the newest first.
    """

    model_config = ConfigDict(frozen=True)

    customer_id: str | None = None
    name: str | None = None
    tier: Tier = "basic"
    time_zone: str = "UTC"
    preferences: dict[str, str] = {}
    interactions: tuple[PastInteraction, ...] = ()


def read_profile(session: Session, tenant: str, customer_id: str | None) -> CustomerProfile:
    """Return what is known of a customer."""
    if customer_id is None:
        return CustomerProfile()
    customer = session.get(Customer, (tenant, customer_id))
    return CustomerProfile(
        customer_id=customer_id,
        preferences=preferences_of(session, tenant, customer_id),
        interactions=_interactions(session, tenant, customer_id),
        **(_identity(customer) if customer is not None else {}),
    )


def preferences_of(session: Session, tenant: str, customer_id: str) -> dict[str, str]:
    """Return the preferences in force, by name."""
    counting = in_force(statements_of(session, tenant, customer_id))
    return {name: counting[name].value for name in sorted(counting)}


def statements_of(session: Session, tenant: str, customer_id: str) -> list[Statement]:
    """Return all that was ever stated about a customer's preferences, in the order of its writing."""
    rows = session.scalars(
        select(PreferenceStatement).filter_by(tenant=tenant, customer_id=customer_id).order_by(PreferenceStatement.id)
    )
    return [_statement(row) for row in rows]


def state(session: Session, tenant: str, customer_id: str, statement: Statement, key: str) -> None:
    """Add a statement. `key` names what makes it; if that has made this very statement last, nothing is added.

    Nor is an inferred one that is in force already, or was inferred last. Raises IntegrityError when another
    transaction has added the same at the same moment: read again then.
    """
    # What makes several statements about one preference numbers them, so that a change of mind counts too.
    made = select(PreferenceStatement).filter_by(tenant=tenant, customer_id=customer_id)
    mine = made.where(PreferenceStatement.key.startswith(f"{key}/", autoescape=True))
    last = session.scalars(mine.order_by(PreferenceStatement.id.desc()).limit(1)).first()
    if last is not None and (last.value, last.source) == (statement.value, statement.source):
        return
    if statement.source == "inferred" and _is_known(statement, statements_of(session, tenant, customer_id)):
        return
    number = session.scalar(select(func.count()).select_from(mine.subquery()))
    row = PreferenceStatement(tenant=tenant, customer_id=customer_id, key=f"{key}/{number}", **statement.model_dump())
    session.add(row)
    session.flush()


def stated_by(session: Session, tenant: str, customer_id: str, key: str) -> list[Statement]:
    """Return the statements that were added under keys that begin like this, in the order of their writing."""
    made = select(PreferenceStatement).where(PreferenceStatement.key.startswith(key, autoescape=True))
    mine = made.filter_by(tenant=tenant, customer_id=customer_id).order_by(PreferenceStatement.id)
    return [_statement(row) for row in session.scalars(mine)]


def note_interaction(session: Session, tenant: str, customer_id: str, key: str, interaction: PastInteraction) -> None:
    """Add an interaction to the history, cut to what a profile shows; one of the same key is there already."""
    if session.scalars(select(Interaction.id).filter_by(tenant=tenant, key=key)).first() is not None:
        return
    short = {"asked": interaction.asked[:LONGEST_TEXT], "answered": interaction.answered[:LONGEST_TEXT]}
    session.add(
        Interaction(tenant=tenant, customer_id=customer_id, key=key, **(interaction.model_dump() | short)),
    )
    session.flush()


def read_rules(session: Session, tenant: str) -> list[PromptRule]:
    """Return the rules for prompts that a tenant has: its own, and those for all that it has none of the same name for.

    One whose condition cannot be read is left out and logged: a mistake in a row must not fail customers' requests.
    """
    rows = session.scalars(
        select(PromptRuleRow)
        .where(or_(PromptRuleRow.tenant == "", PromptRuleRow.tenant == tenant))
        .order_by(PromptRuleRow.tenant)
    )
    by_name = {row.name: row for row in rows}
    return [rule for row in by_name.values() if (rule := _rule(row)) is not None]


def _rule(row: PromptRuleRow) -> PromptRule | None:
    try:
        condition = Condition.model_validate_json(row.condition)
        return PromptRule(name=row.name, condition=condition, text=row.text, priority=row.priority)
    except ValidationError as error:
        why = error.errors(include_url=False)[0]["msg"]
        _log.warning("prompt_rule_unreadable", extra={"rule": row.name, "why": why})
        return None


def _is_known(inferred: Statement, known: list[Statement]) -> bool:
    of_it = [each for each in known if each.name == inferred.name]
    last = next((each for each in reversed(of_it) if each.source == "inferred"), None)
    counting = in_force(of_it).get(inferred.name)
    return inferred.value in [each.value for each in (last, counting) if each is not None]


def _identity(customer: Customer) -> dict[str, Any]:
    # A tier or zone that is none takes the default: a mistake in a row must not fail the customer's requests.
    known = {"name": customer.name, "tier": customer.tier, "time_zone": customer.time_zone}
    try:
        read_zone(customer.time_zone)
    except InvalidRequest:
        del known["time_zone"]
    if customer.tier not in get_args(Tier):
        del known["tier"]
    return known


def _interactions(session: Session, tenant: str, customer_id: str) -> tuple[PastInteraction, ...]:
    newest = select(Interaction).filter_by(tenant=tenant, customer_id=customer_id).order_by(Interaction.id.desc())
    return tuple(
        PastInteraction(at=_utc(row.at), asked=row.asked, answered=row.answered, sentiment=row.sentiment)
        for row in session.scalars(newest.limit(MOST_INTERACTIONS))
    )


def _statement(row: PreferenceStatement) -> Statement:
    values = {name: getattr(row, name) for name in Statement.model_fields}
    return Statement.model_validate(values | {"at": _utc(row.at)})


def _utc(at: datetime) -> datetime:
    # SQLite keeps no zone; what is written is UTC.
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
