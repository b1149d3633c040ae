"""What callers send to the jobs of this deployment and get back from them: one module a kind.

Imports pydantic and plain values of the engine alone, so that a producer can check a request, and knows its queue,
without loading a task body.
"""

from typing import NamedTuple

from pydantic import BaseModel

from tasks.contracts.account import AccountRequest, AccountResult, SignedInCustomer
from tasks.contracts.actions import (
    Action,
    AppointmentChanged,
    Escalated,
    EscalationCause,
    LineItem,
    OrderPlaced,
    PreferenceStated,
    ProfileChanged,
    RefundMade,
    SettingChanged,
    TicketOpened,
)
from tasks.contracts.agent import AgentRequest, AgentResult, ModelUsage
from tasks.contracts.audit import Discrepancy, DiscrepancyKind, LedgerAuditRequest, LedgerAuditResult
from tasks.contracts.base import Contract, GuardedMessage, Message, Priority, Reference
from tasks.contracts.contextual import ContextualRequest, ContextualResult, PreferenceSeen, Sentiment
from tasks.contracts.organisation import OrganisationRequest, OrganisationResult, OrganisationSeen
from tasks.contracts.purchase import CartContent, PurchaseRequest, PurchaseResult
from tasks.contracts.quality import CheckOutcome, QualityReport, Review
from tasks.contracts.streaming import Complexity, Report, ReportSection, SessionSeen, StreamingRequest, StreamingResult
from tasks.contracts.support import SupportRequest, SupportResult
from tasks.contracts.system import SystemSeen
from tasks.contracts.voice import ProposedAppointment, ScheduleRequest, ScheduleResult

__all__ = [
    "KINDS",
    "AccountRequest",
    "AccountResult",
    "Action",
    "AgentRequest",
    "AgentResult",
    "AppointmentChanged",
    "CartContent",
    "CheckOutcome",
    "Complexity",
    "ContextualRequest",
    "ContextualResult",
    "Contract",
    "Discrepancy",
    "DiscrepancyKind",
    "Escalated",
    "EscalationCause",
    "GuardedMessage",
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
    "PreferenceSeen",
    "PreferenceStated",
    "Priority",
    "ProfileChanged",
    "ProposedAppointment",
    "PurchaseRequest",
    "PurchaseResult",
    "QualityReport",
    "Reference",
    "RefundMade",
    "Report",
    "ReportSection",
    "Review",
    "ScheduleRequest",
    "ScheduleResult",
    "Sentiment",
    "SessionSeen",
    "SettingChanged",
    "SignedInCustomer",
    "StreamingRequest",
    "StreamingResult",
    "SupportRequest",
    "SupportResult",
    "SystemSeen",
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
    "assistant.contextual": KindModels("agents", ContextualRequest, ContextualResult),
    "assistant.streaming": KindModels("agents", StreamingRequest, StreamingResult),
    "shop.purchase": KindModels("agents", PurchaseRequest, PurchaseResult),
    "account.help": KindModels("agents", AccountRequest, AccountResult),
    "org.assistant": KindModels("agents", OrganisationRequest, OrganisationResult),
    "voice.schedule": KindModels("agents", ScheduleRequest, ScheduleResult),
    "orders.audit": KindModels("tools", LedgerAuditRequest, LedgerAuditResult),
}
