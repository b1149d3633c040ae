"""Asking the service desk."""

from __future__ import annotations

from backdesk.kinds.support.contract import SupportRequest, SupportResult
from backdesk.kinds.support.kind import support_request
from backdesk.worker.attempt.base_context import ProgressSink
from tests.support.recording import converse


async def ask(
    message: str,
    job_id: str = "job-1",
    *,
    sink: ProgressSink | None = None,
    tenant: str = "acme",
    customer_id: str | None = None,
    conversation_id: str | None = None,
) -> SupportResult:
    """Run the support body on a message."""
    request = SupportRequest(message=message, customer_id=customer_id, conversation_id=conversation_id)
    return await converse(support_request, request, job_id, sink=sink, tenant=tenant)
