"""The kind `account.help`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from backdesk.agents.contract import Action, AgentRequest, AgentResult
from backdesk.agents.phrases import Phrases
from backdesk.platform.contract import Contract, KindModels, Reference


class AccountRequest(AgentRequest):
    """A customer's message about their account, for the kind `account.help`."""

    customer_id: Reference | None = Field(
        None,
        description="With it, nobody but this customer can sign in. It signs nobody in: only a code does.",
    )


class SignedInCustomer(Contract):
    """Who has signed in in the conversation."""

    user_id: str
    name: str
    tier: str


class AccountResult(AgentResult):
    """The answer of the account agents."""

    customer: SignedInCustomer | None = Field(None, description="Who is signed in; null when nobody is.")


class ProfileChanged(Action):
    """What a customer's profile says now."""

    phrases: ClassVar[Phrases] = Phrases(Path(__file__).with_name("phrases.toml"))

    type: Literal["profile_change"] = "profile_change"
    user_id: str
    name: str
    time_zone: str


KIND = KindModels("account.help", "agents", AccountRequest, AccountResult)
