"""A connection by HTTP to a host that somebody outside has named: never into a private network, unless that is meant.

The name is looked up once, and the connection made to what was looked at.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import SplitResult

from backdesk.platform.public_address import look_up


@contextmanager
def connected(parts: SplitResult, *, private: bool, timeout_s: float) -> Iterator[http.client.HTTPConnection]:
    """Open a connection for the time of a block; no step on it may take longer than the time-out.

    Raises PrivateAddress, and OSError also for an answer that is no HTTP.
    """
    host, secured = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secured else 80)
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    plain = socket.create_connection((look_up(host, port, private=private), port), timeout_s)
    try:
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secured else plain
        yield connection
    except http.client.HTTPException as error:
        raise ConnectionError(f"{host} broke off: {type(error).__name__}") from error
    finally:
        connection.close()
        plain.close()


def target_of(parts: SplitResult) -> str:
    """Return what a request asks a host for."""
    return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
