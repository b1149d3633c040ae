"""A webhook, signed by Standard Webhooks (https://www.standardwebhooks.com) where there is a secret."""

from __future__ import annotations

import base64
import binascii
import hmac
import time

from pydantic import SecretStr
from pydantic_core import to_json

from backdesk.service.channels.http_post import post
from backdesk.service.notification import Letter
from backdesk.worker.errors import TaskError

PREFIX = "whsec_"


class Webhook:
    """An address that takes `{"type", "timestamp", "data"}`; the header `webhook-id` is the same in each attempt."""

    def __init__(self, name: str, url: str, secret: SecretStr | None, *, private: bool) -> None:
        self.name = name
        self._url = url
        self._key = _key(secret) if secret else None
        self._private = private

    def send(self, letter: Letter) -> None:
        """See Channel."""
        data = letter.model_dump(mode="json", include={"tenant", "to", "text", "data"})
        body = to_json({"type": letter.event, "timestamp": letter.at, "data": data})
        post(self._url, body, self._headers(letter.id, body), private=self._private)

    def _headers(self, letter_id: str, body: bytes) -> dict[str, str]:
        now = str(int(time.time()))
        headers = {"webhook-id": letter_id, "webhook-timestamp": now}
        if self._key is not None:
            signed = hmac.digest(self._key, f"{letter_id}.{now}.".encode() + body, "sha256")
            headers["webhook-signature"] = f"v1,{base64.b64encode(signed).decode()}"
        return headers


def _key(secret: SecretStr) -> bytes:
    try:
        return base64.b64decode(secret.get_secret_value().removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise TaskError("channel_misconfigured", "BACKDESK_WEBHOOK_SECRET: must be whsec_ and base64") from None
