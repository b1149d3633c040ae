"""From a message to a task of Celery: the usual way, or a shorter one for what is nothing but a delivery.

Most of what Celery does on that way serves messages that bring arguments, links or times. A delivery of ours has none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from celery import signals
from celery.worker import state, strategy
from celery.worker.request import create_request_cls

from backdesk.worker.celery.consumer import JobRequest, is_watched

#: The body of a delivery of ours, as `dispatch.lua` writes it: no arguments, no links.
EMPTY_BODY = b"[[],{},{}]"


class _Delivery(NamedTuple):
    """What a request looks at of its message, and keeps: kombu's holds, besides, all that it was decoded from."""

    headers: dict[str, Any]
    properties: dict[str, Any]
    delivery_info: dict[str, Any]


def deliveries(task: Any, app: Any, consumer: Any, **options: Any) -> Callable[..., Any]:
    """Return what is called for each message of a kind."""
    usual = strategy.default(task, app, consumer, **options)
    eventer, hostname, received = consumer.event_dispatcher, consumer.hostname, signals.task_received
    request_class = create_request_cls(JobRequest, task, consumer.pool, hostname, eventer, app=app)

    def handle(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any) -> Any:
        if message.body != EMPTY_BODY or callbacks or received.receivers or is_watched(eventer):
            return usual(message, body, ack, reject, callbacks)
        request = request_class(
            _Delivery(message.headers, message.properties, message.delivery_info),
            on_ack=ack,
            on_reject=reject,
            app=app,
            hostname=hostname,
            eventer=eventer,
            task=task,
            body=([], {}, {}),
            decoded=True,
        )
        if request.id in state.revoked and request.revoked():
            return None
        state.task_reserved(request)
        consumer.on_task_request(request)
        return None

    return handle
