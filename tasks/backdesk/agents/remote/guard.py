"""Keeps connections out of private networks, where what answers was not meant to."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from backdesk.platform.public_address import PrivateAddress, look_up
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category


async def check_address(url: str) -> None:
    """Raise TaskError for an address whose host is, or may be, within a private network, and for one that is none."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        await asyncio.to_thread(look_up, host, port)
    except PrivateAddress as error:
        message = f"{error}: say `private=True` in the card if that is meant"
        raise TaskError("mcp_private_address", message, category=Category.AUTHORIZATION) from None
    except OSError as error:
        message = f"{host} cannot be found: {error}"
        raise TaskError("mcp_unreachable", message, category=Category.NETWORK, transient=True) from None
