"""Ports for servers that a test starts later, or again: chosen and then freed they could be somebody else's by then."""

from __future__ import annotations

import socket


def hold(port: int = 0) -> socket.socket:
    """Bind a port, by default one that is free, until the socket is closed.

    Nobody else gets it, and a server that reuses addresses can listen on it, as this socket does not.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", port))
    return held
