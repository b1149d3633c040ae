"""What callers send to the jobs of this deployment and get back from them: one module a kind.

Imports pydantic alone, so that a producer can check a request, and knows its queue, without loading a task
body.
"""

from typing import NamedTuple

from pydantic import BaseModel

from tasks.contracts.account import AccountRequest, AccountResult, SignedInCustomer
from tasks.contracts.actions import (
    Action,
    LineItem,
    OrderPlaced,
    ProfileChanged,
    RefundMade,
    SettingChanged,
    TicketOpened,
)
from tasks.contracts.agent import AgentRequest, AgentResult, ModelUsage
from tasks.contracts.audit import Discrepancy, DiscrepancyKind, LedgerAuditRequest, LedgerAuditResult
from tasks.contracts.base import Contract, Message, Priority, Reference
from tasks.contracts.organisation import OrganisationRequest, OrganisationResult, OrganisationSeen
from tasks.contracts.purchase import CartContent, PurchaseRequest, PurchaseResult
from tasks.contracts.support import SupportRequest, SupportResult

__all__ = [
    "KINDS",
    "AccountRequest",
    "AccountResult",
    "Action",
    "AgentRequest",
    "AgentResult",
    "CartContent",
    "Contract",
    "Discrepancy",
    "DiscrepancyKind",
    "KindModels",
    "LedgerAuditRequest",
    "LedgerAuditResult",
    "LineItem",
    "Message",
    "ModelUsage",
    "OrderPlaced",
    "OrganisationRequest",
    "OrganisationResult",
    "OrganisationSeen",
    "Priority",
    "ProfileChanged",
    "PurchaseRequest",
    "PurchaseResult",
    "Reference",
    "RefundMade",
    "SettingChanged",
    "SignedInCustomer",
    "SupportRequest",
    "SupportResult",
    "TicketOpened",
]


class KindModels(NamedTuple):
    """Where jobs of a kind run, and what goes in and comes out."""

    queue: str
    request: type[BaseModel]
    result: type[BaseModel]


#: Every kind of this deployment. A test holds it equal to what the task modules register.
KINDS: dict[str, KindModels] = {
    "support.request": KindModels("agents", SupportRequest, SupportResult),
    "shop.purchase": KindModels("agents", PurchaseRequest, PurchaseResult),
    "account.help": KindModels("agents", AccountRequest, AccountResult),
    "org.assistant": KindModels("agents", OrganisationRequest, OrganisationResult),
    "orders.audit": KindModels("tools", LedgerAuditRequest, LedgerAuditResult),
}
