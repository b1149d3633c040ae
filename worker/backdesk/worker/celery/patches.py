"""Patches of Celery 5.7 and kombu 5.7 on Redis. Each part names the fault that it mends; each has a test.

They reach into private names, so the versions are bounded in `pyproject.toml`: read this file before raising a bound.
"""

from __future__ import annotations

import base64
import binascii
import logging
from queue import Empty
from typing import Any, NoReturn

from celery.worker.consumer import consumer
from kombu.transport import redis as transport
from pydantic_core import from_json
from redis import sentinel

from backdesk.worker.store import following
from backdesk.worker.text.json import excerpt

log = logging.getLogger(__name__)

#: Celery reads what a lost connection still holds for this long. Ours has an answer within the second that its BRPOP
#: waits, or is half-open and has none. Seconds.
LAST_READ_S = 1.5


class SentinelConnection(following.Following, sentinel.SentinelManagedConnection):
    """kombu's connection to the server that the Sentinels call the primary."""


class SentinelSSLConnection(following.Following, sentinel.SentinelManagedSSLConnection):
    """The same by TLS."""


def install() -> None:
    """Install every patch. Idempotent."""
    transport.loads = decode_item
    consumer.COLLECT_SOCKET_TIMEOUT = LAST_READ_S
    # kombu's connections stay with a server that was demoted, for as long as it keeps them open.
    transport.Channel.connection_class = following.Connection
    transport.Channel.connection_class_ssl = following.SSLConnection
    transport.SentinelChannel.connection_class = SentinelConnection
    transport.SentinelChannel.connection_class_ssl = SentinelSSLConnection


def decode_item(text: str) -> Any:
    """Decode an item of a queue's list; what is no message is logged and read as "nothing there".

    kombu decodes items outside of any handler (`Channel._brpop_read`): text that is no JSON ends the worker with exit
    code 1, and an object without the expected keys raises KeyError, which kombu takes for a lost connection and
    retries for ever.
    """
    try:
        message = from_json(text)
        if isinstance(message, list) and len(message) == 3:
            return _GivenBack(message)
        properties = message["properties"]
        _ = properties["delivery_tag"], message.get("headers", {}).get("id")
        properties.get("delivery_info", {}).get("routing_key")
        encoding, body = properties.get("body_encoding"), message["body"]
        if encoding == "base64":
            base64.b64decode(body)
        elif encoding is not None or not isinstance(body, str):
            return _drop(text, f"body encoding {encoding!r}")
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error) as error:
        return _drop(text, repr(error))
    return message


class _GivenBack(list[Any]):
    """What kombu itself wrote: a message that a closing channel has read and puts back, with its exchange and key.

    kombu takes it apart. As an item of a queue it is no message, and is read as "nothing there".
    """

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            _drop(repr(list(self)), "a list")
        return super().__getitem__(key)


def _drop(text: str, reason: str) -> NoReturn:
    log.error("message_dropped", extra={"reason": f"no Celery message: {reason}", "item": excerpt(text)})
    raise Empty
