"""What Celery 5.7 and kombu 5.7 on Redis need to be defended from. Each part names its fault; each has a test.

They reach into private names, so the versions are bounded in `pyproject.toml`: read this file before raising a bound.
"""

from __future__ import annotations

import base64
import binascii
import logging
from queue import Empty
from typing import Any

from kombu.transport import redis as transport
from kombu.utils.json import loads

log = logging.getLogger(__name__)

#: Longest excerpt of a malformed item in the log.
EXCERPT = 200


def install() -> None:
    """Install every defence. Idempotent."""
    transport.loads = _loads_or_drop


def _loads_or_drop(text: str) -> Any:
    """Decode an item of a queue's list; what is no message is logged and read as "nothing there".

    kombu decodes items outside of any handler (`Channel._brpop_read`): text that is no JSON ends the worker with exit
    code 1, and an object without the expected keys raises KeyError, which kombu takes for a lost connection and
    retries for ever.
    """
    try:
        message = loads(text)
        properties = message["properties"]
        _ = properties["delivery_tag"], message.get("headers", {}).get("id")
        encoding, body = properties.get("body_encoding"), message["body"]
        if encoding == "base64":
            base64.b64decode(body)
        elif encoding is not None or not isinstance(body, str):
            raise ValueError(f"body encoding {encoding!r}")
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error) as error:
        log.error(  # noqa: TRY400 - a traceback would only name this decoder
            "message_dropped", extra={"reason": f"no Celery message: {error!r}", "item": text[:EXCERPT]}
        )
        raise Empty from None
    return message
