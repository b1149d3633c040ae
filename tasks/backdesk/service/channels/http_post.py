"""One HTTP request to an address from outside: never to a private one, unless the deployment allows it.

Redirects are not followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from backdesk.platform.http_connection import connected, target_of
from backdesk.platform.public_address import PrivateAddress
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

TIMEOUT_S = 15.0
#: What is read of an answer, so that its connection ends well.
MOST_READ = 65_536


class HttpRefused(Exception):
    """The receiver answered with a status from 400 on, which says whether to try again."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(f"the receiver answered with status {status}")
        self.status = status
        self.headers = headers


def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool) -> None:
    """Send a body; any 2xx is a receipt. Raises HttpRefused, OSError, and TaskError for what cannot succeed."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TaskError("channel_misconfigured", "the address of a channel must begin with http:// or https://")
    try:
        with connected(parts, private=private, timeout_s=TIMEOUT_S) as connection:
            connection.request("POST", target_of(parts), body, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            answer.read(MOST_READ)
    except PrivateAddress:
        message = "the address of a channel is of a private network; BACKDESK_WEBHOOK_PRIVATE=1 allows that"
        raise TaskError("private_address", message, category=Category.VALIDATION) from None
    if answer.status >= 400:
        raise HttpRefused(answer.status, dict(answer.getheaders()))
    if not 200 <= answer.status < 300:
        raise TaskError("channel_redirects", f"the receiver answered with status {answer.status}: name where it is now")
