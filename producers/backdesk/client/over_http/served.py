"""Which operations are done how: on Redis, or over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from backdesk.client.deployment import Deployment
from backdesk.client.operations.answers import AnswerOperations
from backdesk.client.operations.asks import AskOperations
from backdesk.client.operations.attachments import AttachmentOperations
from backdesk.client.operations.audit import AuditOperations
from backdesk.client.operations.blobs import BlobOperations
from backdesk.client.operations.conversations import ConversationOperations
from backdesk.client.operations.dead_letters import DeadLetterOperations
from backdesk.client.operations.deployment import DeploymentOperations
from backdesk.client.operations.forgetting import ForgettingOperations
from backdesk.client.operations.job_limits import JobLimitOperations
from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.keys import KeyOperations
from backdesk.client.operations.lists import ListOperations
from backdesk.client.operations.notes import NoteOperations
from backdesk.client.operations.overview import OverviewOperations
from backdesk.client.operations.pauses import PauseOperations
from backdesk.client.operations.prompts import PromptOperations
from backdesk.client.operations.rewinding import RewindOperations
from backdesk.client.operations.schedules import ScheduleOperations
from backdesk.client.operations.series import SeriesOperations
from backdesk.client.operations.service_limits import ServiceLimitOperations
from backdesk.client.operations.sessions import SessionOperations
from backdesk.client.operations.spending import SpendingOperations
from backdesk.client.operations.stats import StatisticsOperations
from backdesk.client.operations.steps import MemoryOperations
from backdesk.client.operations.tenants import TenantOperations
from backdesk.client.over_http.access import HttpAudit, HttpKeys, HttpSessions
from backdesk.client.over_http.blobs import HttpBlobs
from backdesk.client.over_http.dead_letters import HttpDeadLetters
from backdesk.client.over_http.jobs import (
    HttpAnswers,
    HttpAsks,
    HttpForgetting,
    HttpJobs,
    HttpLists,
    HttpMemories,
    HttpPrompts,
    HttpRewinding,
)
from backdesk.client.over_http.policies import HttpJobLimits, HttpPauses, HttpSchedules, HttpSpending, HttpTenants
from backdesk.client.over_http.reports import (
    HttpDeployment,
    HttpNotes,
    HttpOverview,
    HttpSeries,
    HttpStatistics,
)
from backdesk.client.over_http.services import HttpServiceLimits
from backdesk.client.over_http.talks import HttpAttachments, HttpConversations
from backdesk.worker.model.contract import RequestCheck

T = TypeVar("T")

#: What is not here is not served over HTTP.
_OVER_HTTP: dict[Any, Any] = {
    AnswerOperations: HttpAnswers,
    AskOperations: HttpAsks,
    AttachmentOperations: HttpAttachments,
    AuditOperations: HttpAudit,
    BlobOperations: HttpBlobs,
    ConversationOperations: HttpConversations,
    DeadLetterOperations: HttpDeadLetters,
    DeploymentOperations: HttpDeployment,
    ForgettingOperations: HttpForgetting,
    JobLimitOperations: HttpJobLimits,
    KeyOperations: HttpKeys,
    ListOperations: HttpLists,
    MemoryOperations: HttpMemories,
    NoteOperations: HttpNotes,
    OverviewOperations: HttpOverview,
    PauseOperations: HttpPauses,
    PromptOperations: HttpPrompts,
    RewindOperations: HttpRewinding,
    ScheduleOperations: HttpSchedules,
    SeriesOperations: HttpSeries,
    ServiceLimitOperations: HttpServiceLimits,
    SessionOperations: HttpSessions,
    SpendingOperations: HttpSpending,
    StatisticsOperations: HttpStatistics,
    TenantOperations: HttpTenants,
}


def jobs_of(deployment: Deployment, checks: Mapping[str, RequestCheck] | None) -> JobOperations:
    """Return the operations on the jobs of a deployment."""
    return (JobOperations if deployment.gateway is None else HttpJobs)(deployment.settings, checks)


def served(core: JobOperations, operations: Callable[[JobOperations], T]) -> T:
    """Return operations as they are done where the core is."""
    if not isinstance(core, HttpJobs):
        return operations(core)
    return _OVER_HTTP.get(operations, operations)(core)  # type: ignore[no-any-return]  # each is a subclass
