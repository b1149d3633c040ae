"""The values that clients take and give."""

from backdesk.platform.contract import Attachment
from backdesk.worker.failure import Failure
from backdesk.worker.model.access import ApiKey, Scope
from backdesk.worker.model.asks import OpenAsk
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobRecord, JobRow, JobState
from backdesk.worker.model.page import Page
from backdesk.worker.model.plan import PlanStep
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.model.webhook import WebhookDelivery, WebhookEndpoint

__all__ = [
    "ApiKey",
    "Attachment",
    "BlobRef",
    "Budget",
    "Failure",
    "JobEvent",
    "JobRecord",
    "JobRow",
    "JobState",
    "OpenAsk",
    "Page",
    "PlanStep",
    "RetryPolicy",
    "Scope",
    "WebhookDelivery",
    "WebhookEndpoint",
]
