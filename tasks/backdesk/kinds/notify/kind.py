"""The kind `notify.send`: tells people, or what brings answers to customers, that something has happened."""

from __future__ import annotations

from backdesk.platform.deployment import deployment
from backdesk.service.notification import Delivered, Letter, Notification
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import FenceLost
from backdesk.worker.model.retry import RetryPolicy

#: After about 10 s, 1 m, 6 m, 36 m, then every two hours: for most of a day.
RETRY = RetryPolicy(attempts=14, base_s=10, factor=6, cap_s=7200)
ATTEMPT_S = 120.0


@task("notify.send", queue="tools", retry=RETRY, timeout=ATTEMPT_S)
def send_notification(ctx: BlockingContext, request: Notification) -> Delivered:
    """Send a notification by all channels of whom it is for, by each once; those that fail are tried again."""
    from backdesk.service.channels import channels_of  # noqa: PLC0415 - mail, of no use to a worker that sends none

    here = deployment()
    letter = Letter(
        id=ctx.idempotency_key("notification"),
        at=here.database.now(),
        tenant=ctx.tenant,
        **request.model_dump(),
    )
    sent, failures = list[str](), list[Exception]()
    for channel in channels_of(here, letter):
        try:
            ctx.step(f"send:{channel.name}", channel.send, letter)
            sent.append(channel.name)
        except FenceLost:  # another attempt has the job by now, and sends what is left
            raise
        except Exception as error:  # noqa: BLE001 - the other channels are not to wait for this one
            failures.append(error)
    if failures:
        raise failures[0]
    return Delivered(channels=sent)
