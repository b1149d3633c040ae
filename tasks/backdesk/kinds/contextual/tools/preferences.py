"""Note what a customer prefers, and explain what is known of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy.exc import IntegrityError

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import SIGN_IN_FIRST, Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.kinds.contextual.contract import PreferenceStated
from backdesk.kinds.contextual.preferences import (
    PREFERENCES,
    Source,
    Statement,
    in_force,
    objection,
    stands_in,
    why,
)
from backdesk.kinds.contextual.profile import preferences_of, state, stated_by, statements_of
from backdesk.worker.attempt.ledger import Effect

#: How many statements an explanation has, the newest ones.
MOST_EXPLAINED = 20

_VALUES = "; ".join(f"{name}: {', '.join(values)}" for name, values in PREFERENCES.items())
Preference = Annotated[str, Field(description=f"The preference: one of {', '.join(PREFERENCES)}.")]
Value = Annotated[str, Field(description=f"What is preferred. {_VALUES}.")]
Quote = Annotated[
    str,
    Field(
        description="The words of the customer's last message from which it follows, copied as they are.",
        min_length=1,
        max_length=500,
    ),
]
How = Annotated[
    Source, Field(description="explicit: the customer has said so; inferred: it only follows from what they said.")
]

_NOT_SAID = Refusal(
    refused="Nothing was kept, as the quote does not stand in the customer's message: keep only what they wrote in it."
)


class PreferenceKept(ToolOutcome):
    """The statement is kept; `preferences` are those in force now, which a former explicit one may still decide."""

    name: str
    value: str
    source: Source
    preferences: dict[str, str]
    #: All that this message has taught so far.
    taught: tuple[Statement, ...] = ()

    def summary(self) -> str:
        force = self.preferences[self.name]
        kept = f"{self.name} is {self.value} ({self.source})"
        return kept if force == self.value else f"{kept}; {force} stays in force"

    def action(self) -> PreferenceStated:
        return PreferenceStated(name=self.name, value=self.value, source=self.source)

    def learned(self) -> dict[str, Any]:
        return {"preferences": self.preferences, "learned": self.taught}


class StatementExplained(ToolOutcome):
    """One statement: who made it, when, why, and whether it counts."""

    name: str
    value: str
    source: Source
    by: str
    reason: str
    at: datetime
    counts: bool
    because: str

    def summary(self) -> str:
        return f"{self.name} {self.value}: {self.because}"


class PreferencesExplained(ToolOutcome):
    """All that was stated about a customer's preferences, the newest first."""

    statements: list[StatementExplained]

    def summary(self) -> str:
        counting = [f"{each.name} {each.value}" for each in self.statements if each.counts]
        return f"{len(self.statements)} statements; in force: {', '.join(counting) or 'nothing'}"


@tool(Effect.IDEMPOTENT, harmless=True)
async def update_preference(
    desk: Desk, preference: Preference, value: Value, quote: Quote, source: How = "explicit"
) -> PreferenceKept | Refusal:
    """Keep what the customer prefers, for all conversations to come, by the words that say so.

    What they do not want is no preference for it. Values other than the allowed ones are refused.
    """
    name, value = preference.strip().lower(), value.strip().lower()
    customer = desk.customer_id
    if customer is None:
        return SIGN_IN_FIRST
    if wrong := objection(name, value):
        return Refusal(refused=wrong)
    if not stands_in(quote, desk.message):
        return _NOT_SAID
    reason = f"The customer wrote {quote.strip()!r}."
    statement = Statement(
        name=name, value=value, source=source, by=_speaker(desk), reason=reason, at=desk.database.now()
    )
    return await desk.database.in_thread(lambda: _keep(desk, customer, statement))


@tool(Effect.PURE)
async def explain_preferences(desk: Desk, preference: Preference | None = None) -> PreferencesExplained | Refusal:
    """Explain what is known of the customer's preferences: who noted what, when and why, and what is in force."""
    customer = desk.customer_id
    if customer is None:
        return SIGN_IN_FIRST
    if preference is not None and (wrong := objection(preference)):
        return Refusal(refused=wrong)

    def work() -> PreferencesExplained:
        with desk.database.read() as session:
            return _explained(
                [s for s in statements_of(session, desk.tenant, customer) if preference in (None, s.name)]
            )

    return await desk.database.in_thread(work)


def _keep(desk: Desk, customer: str, statement: Statement) -> PreferenceKept:
    try:
        return _keep_once(desk, customer, statement)
    except IntegrityError:  # an attempt that was thought dead has kept it at the same moment
        return _keep_once(desk, customer, statement)


def _keep_once(desk: Desk, customer: str, statement: Statement) -> PreferenceKept:
    key = desk.key("preference/")
    with desk.database.write() as session:
        state(session, desk.tenant, customer, statement, f"{key}{statement.name}")
        return PreferenceKept(
            **statement.model_dump(include={"name", "value", "source"}),
            preferences=preferences_of(session, desk.tenant, customer),
            taught=tuple(stated_by(session, desk.tenant, customer, key)),
        )


def _speaker(desk: Desk) -> str:
    return desk.transfers[-1].agent if desk.transfers else "agent"


def _explained(statements: list[Statement]) -> PreferencesExplained:
    counting = in_force(statements)
    newest = statements[::-1][:MOST_EXPLAINED]
    # One that counts is told of however old it is.
    told = [*newest, *(each for each in counting.values() if each not in newest)]
    return PreferencesExplained(statements=[_explain(each, counting[each.name]) for each in told])


def _explain(statement: Statement, counting: Statement) -> StatementExplained:
    return StatementExplained(**statement.model_dump(), counts=statement == counting, because=why(statement, counting))
