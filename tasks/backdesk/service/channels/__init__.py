"""Channels by which notifications leave: `channels_of` reads which, each a module of one class with a name and `send`.

A channel is an address: `outbox`, `webhook+https://…`, `slack+https://…` or `mailto:…`.
"""

from __future__ import annotations

from collections.abc import Iterator

from backdesk.platform.deployment import Deployment
from backdesk.platform.settings import TaskSettings
from backdesk.service.channels.channel import Channel
from backdesk.service.channels.customer_mail import customer_mail
from backdesk.service.channels.mail import Mail
from backdesk.service.channels.outbox import Outbox
from backdesk.service.channels.slack import Slack
from backdesk.service.channels.webhook import Webhook
from backdesk.service.notification import Letter
from backdesk.worker.errors import TaskError

__all__ = ["Channel", "channels_of"]


def channels_of(here: Deployment, letter: Letter) -> Iterator[Channel]:
    """Yield the channels of a letter's audience, then the customer's own. Raises TaskError for what is none."""
    settings = here.settings
    listed = settings.notify_staff if letter.to == "staff" else settings.notify_customers
    addresses = listed.get_secret_value().split()
    yield from [_channel(address, number, settings) for number, address in enumerate(addresses, start=1)]
    yield from customer_mail(here, letter)


def _channel(address: str, number: int, settings: TaskSettings) -> Channel:
    scheme, _, rest = address.partition("+")
    if address == "outbox":
        return Outbox(settings.data_dir)
    if scheme == "webhook":
        return Webhook(f"webhook-{number}", rest, settings.webhook_secret, private=settings.webhook_private)
    if scheme == "slack":
        return Slack(f"slack-{number}", rest, private=settings.webhook_private)
    if address.startswith("mailto:"):
        return Mail(f"mail-{number}", address.removeprefix("mailto:"), settings.smtp_url, settings.mail_from)
    # Not the address, which may hold a secret.
    raise TaskError(
        "channel_misconfigured", f"channel {number} is none of outbox, webhook+URL, slack+URL and mailto:ADDRESS"
    )
