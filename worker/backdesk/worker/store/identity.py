"""The id of a deployment: what its Redis is known by where several leave things in one place."""

from __future__ import annotations

from contextlib import closing
from secrets import token_hex
from typing import cast

from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect, translated
from backdesk.worker.store.keys import Keys

#: Random bytes: no two have the same, and nobody guesses one.
_BYTES = 8


def identify(settings: Settings, url: str) -> str:
    """Return the id that a Redis has, and give it one if it has none: an emptied one is another deployment.

    Blocks, and opens a connection for this alone. Raises StoreUnavailable.
    """
    key = Keys(settings.prefix).identity
    with translated(), closing(connect(url, settings.socket_timeout_s)) as client:
        known = cast("bytes | None", client.get(key))
        if known is None:
            client.set(key, token_hex(_BYTES), nx=True)
            known = cast("bytes", client.get(key))
        return known.decode()
