"""The kind `account.help`."""

from __future__ import annotations

from pydantic import Field

from tasks.contracts.agent import AgentRequest, AgentResult
from tasks.contracts.base import Contract, Reference


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
