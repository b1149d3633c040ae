"""From an event in an outbox to the job that delivers it: its body is written here once, and sent as it is ever after.

A body is thin: ids, the state and where to read more. What a job was asked and has found is for those who may ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from backdesk.worker.model.job import DEFAULT_TENANT, EVERY_TENANT
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.model.webhook import DELIVERY, OPENAI_EVENTS, TEST, Format, WebhookEndpoint
from backdesk.worker.store.jobs import NewJob
from backdesk.worker.store.webhooks import OutboxEntry
from backdesk.worker.submit.admission import fingerprint

QUEUE = "agents"
#: After an event the states of its job that are called otherwise.
_STATES = {"started": "running", "retrying": "scheduled"}
#: Bytes that a body has at most; what is said of a job is bounded, so this is a promise and no limit.
MOST_BODY = 20_000
#: Under this name the metadata of a delivery says what it is about.
LABEL = "webhook"
#: The schedule of Standard Webhooks: at once, then after these times, in seconds: some 75 hours in all.
DELAYS_S = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
RETRY = RetryPolicy(attempts=len(DELAYS_S) + 1, delays_s=DELAYS_S)


def delivery_of(
    endpoint: WebhookEndpoint, entry: OutboxEntry, about: Mapping[str, str], *, base_url: str, again: str = ""
) -> NewJob:
    """Return the job that tells an endpoint of an event.

    Its id follows from both, so that a repeat makes no second one; `again` tells one that was asked for by hand.
    `about` is what the record of the event's job says: `conversation`, `traceparent`, where there are any.
    """
    body = _BODIES[endpoint.format](entry, about, base_url)
    trace = about.get("traceparent", "")
    request = {"endpoint": endpoint.id, "event": entry.id, "type": entry.type, "body": body.decode()}
    if trace:
        request["traceparent"] = trace
    label = {"endpoint": endpoint.id, "event": entry.id, "type": entry.type}
    if "job_id" in entry.data:
        label["job_id"] = entry.data["job_id"]
    return new_delivery(endpoint, to_json(request), to_json({LABEL: label}), f"{entry.id}{again}", trace)


def new_delivery(endpoint: WebhookEndpoint, request: bytes, metadata: bytes, name: str, trace: str = "") -> NewJob:
    """Return the job of a delivery whose request is written; its id is that of the endpoint, and a name of its own."""
    tenant = DEFAULT_TENANT if endpoint.tenant == EVERY_TENANT else endpoint.tenant
    return NewJob(
        id=f"{endpoint.id}.{name}",
        kind=DELIVERY,
        tenant=tenant,
        queue=QUEUE,
        priority="",
        request=request,
        fingerprint=fingerprint(tenant, DELIVERY, request),
        metadata=metadata,
        retry=RETRY.model_dump_json(),
        traceparent=trace,
    )


def _standard(entry: OutboxEntry, about: Mapping[str, str], base_url: str) -> bytes:
    data: dict[str, Any] = {"tenant": entry.tenant, **entry.data}
    if "job_id" in data and entry.type != TEST:
        name = entry.type.removeprefix("job.")
        job = f"{base_url.rstrip('/')}/v1/jobs/{data['job_id']}"
        data |= {"state": _STATES.get(name, name)} if entry.type.startswith("job.") else {}
        data |= {"conversation_id": about["conversation"]} if about.get("conversation") else {}
        data |= {"links": {"job": job, "events": f"{job}/events", "result": f"{job}/result"}}
    return to_json({"type": entry.type, "timestamp": entry.at, "data": data})


def _openai(entry: OutboxEntry, _about: Mapping[str, str], _base_url: str) -> bytes:
    created = int(datetime.fromisoformat(entry.at).timestamp())
    type_ = OPENAI_EVENTS.get(entry.type, OPENAI_EVENTS["job.succeeded"])  # a test is one that has completed
    data = {"id": f"resp_{entry.data['job_id']}"}
    return to_json({"id": entry.id, "object": "event", "created_at": created, "type": type_, "data": data})


_BODIES = {Format.STANDARD: _standard, Format.OPENAI: _openai}
