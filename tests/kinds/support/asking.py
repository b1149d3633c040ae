"""Asking the service desk."""

from __future__ import annotations

import re

from backdesk.kinds.support.contract import SupportRequest, SupportResult
from backdesk.kinds.support.kind import support_request
from backdesk.shop.samples import owner_of
from backdesk.worker.attempt.base_context import ProgressSink
from tests.support.recording import converse

OWNER = "whose order it is"


def customer_of(message: str) -> str:
    """Return whose order of the sample a message names first; `cust-3` without one."""
    named = re.search(r"\b100\d\d\b", message)
    return owner_of(int(named[0]) if named else 10003)


async def ask(
    message: str,
    job_id: str = "job-1",
    *,
    sink: ProgressSink | None = None,
    tenant: str = "default",
    customer_id: str | None = OWNER,
    conversation_id: str | None = None,
) -> SupportResult:
    """Run the support body on a message of a customer, by default of whose order it names."""
    customer_id = customer_of(message) if customer_id == OWNER else customer_id
    request = SupportRequest(message=message, customer_id=customer_id, conversation_id=conversation_id)
    return await converse(support_request, request, job_id, sink=sink, tenant=tenant)
