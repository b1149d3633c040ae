"""One HTTP request to an address from outside: never to a private one, unless the deployment allows it.

The name is looked up once, and the connection made to what was looked at: a name that means another machine a moment
later, as an attacker's may, is not asked for twice. Redirects are not followed.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

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
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connection = http.client.HTTPConnection(parts.hostname, port, timeout=TIMEOUT_S)
    plain = socket.create_connection((_looked_up(parts.hostname, port, private=private), port), TIMEOUT_S)
    try:
        secured = parts.scheme == "https"
        context = ssl.create_default_context() if secured else None
        connection.sock = context.wrap_socket(plain, server_hostname=parts.hostname) if context else plain
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        connection.request("POST", target, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        answer.read(MOST_READ)
    except http.client.HTTPException as error:
        raise ConnectionError(f"the receiver broke off: {type(error).__name__}") from error
    finally:
        connection.close()
        plain.close()
    if answer.status >= 400:
        raise HttpRefused(answer.status, dict(answer.getheaders()))
    if not 200 <= answer.status < 300:
        raise TaskError("channel_redirects", f"the receiver answered with status {answer.status}: name where it is now")


def _looked_up(host: str, port: int, *, private: bool) -> str:
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    allowed = [address for address in found if private or ipaddress.ip_address(address).is_global]
    if not allowed:
        message = "the address of a channel is of a private network; BACKDESK_WEBHOOK_PRIVATE=1 allows that"
        raise TaskError("private_address", message, category=Category.VALIDATION)
    return allowed[0]
