"""Whether a service answers that a tool is told to ask: for the checks of its settings."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from backdesk.platform.dependency import Dependency
from backdesk.platform.public_address import look_up

MOST_S = 5.0


def reachable(name: str, url: str, *, private: bool = False) -> Dependency:
    """Return the check of an address: that its host is found, outside of private networks, and takes a connection.

    Nothing is asked of it. The check raises PrivateAddress and OSError.
    """

    def check() -> str:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        address = look_up(host, port, private=private)
        with socket.create_connection((address, port), MOST_S):
            return f"{host} takes connections at {address}, port {port}"

    return Dependency(name, check)
