"""Webhooks in tests: a key of the deployment, and what a receiver makes of what it gets."""

from __future__ import annotations

import base64
import json
from typing import Any

from standardwebhooks import Webhook

from tests.support.http_site import Seen

KEY = base64.b64encode(b"webhooks of the tests, 32 bytes.").decode()
#: By which receivers of this machine may be told, and by http.
SETTINGS: dict[str, Any] = {"webhook_key": KEY, "webhook_private": True}


def verified(seen: Seen, secret: str) -> Any:
    """What a receiver makes of it that has this secret, by the library of Standard Webhooks."""
    headers = {name.lower(): value for name, value in seen.headers.items()}
    Webhook(secret).verify(seen.body, headers)
    return json.loads(seen.body)
