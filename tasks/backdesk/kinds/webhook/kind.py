"""The kind `webhook.deliver`: one event for one endpoint, by Standard Webhooks (https://www.standardwebhooks.com)."""

from __future__ import annotations

import time

from backdesk.kinds.webhook.contract import Delivery, Receipt
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import TaskError
from backdesk.worker.memory.webhook_secrets import Receiver
from backdesk.worker.model.job import EVERY_TENANT
from backdesk.worker.model.webhook import DELIVERY
from backdesk.worker.submit.webhook_delivery import RETRY

#: Of which sending takes 15 at most; the rest is for the turn among other deliveries.
ATTEMPT_S = 120.0


@task(DELIVERY, queue="agents", retry=RETRY, timeout=ATTEMPT_S)
async def deliver(ctx: TaskContext, request: Delivery) -> Receipt:
    """Send an event to its endpoint, signed; any 2xx is a receipt, anything else is tried again for three days."""
    from backdesk.kinds.webhook.sending import send  # noqa: PLC0415 - a client of HTTP, loaded with the first

    receiver, began = _checked(ctx, request, await ctx.receiver(request.endpoint)), time.monotonic()
    body, url = request.body.encode(), receiver.endpoint.url
    async with ctx.reserve(f"webhook/{request.endpoint}"):
        answer = await send(url, body, _headers(receiver, request), private=receiver.private)
        failure = answer.failure()
        # The pause that a receiver asks for is for all deliveries to it. Any other failure is this one's alone: no
        # breaker is to stand in for the schedule.
        if failure and answer.slows_down:
            raise failure
    if failure:
        raise failure
    return Receipt(status=answer.status, seconds=round(time.monotonic() - began, 3))


def _checked(ctx: TaskContext, request: Delivery, receiver: Receiver | None) -> Receiver:
    if receiver is None or receiver.endpoint.tenant not in (EVERY_TENANT, ctx.tenant):
        raise TaskError("webhook_removed", f"there is no endpoint {request.endpoint} any more")
    if not receiver.endpoint.enabled:
        because = receiver.endpoint.disabled_because
        raise TaskError("webhook_disabled", f"the endpoint is disabled: {because}; enable it, and send this again")
    return receiver


def _headers(receiver: Receiver, request: Delivery) -> dict[str, str]:
    now = int(time.time())
    signed = receiver.sign(request.event, now, request.body.encode())
    headers = {"webhook-id": request.event, "webhook-timestamp": str(now), "webhook-signature": signed}
    return headers | ({"traceparent": request.traceparent} if request.traceparent else {})
