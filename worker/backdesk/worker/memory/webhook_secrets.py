"""The secrets of webhook endpoints: derived from a key of the deployment, so that Redis holds none.

    secret = HKDF-Expand(key, "backdesk webhook secret" | endpoint | version, 32)      (RFC 5869, SHA-256)

The key is 32 random bytes, so nothing is to be extracted first. Signatures are v1 of Standard Webhooks
(https://www.standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from backdesk.worker.address import KEY_BYTES, read_keys
from backdesk.worker.errors import ConfigurationError, TaskError
from backdesk.worker.failure import Category
from backdesk.worker.model.webhook import Secret, WebhookEndpoint
from backdesk.worker.settings import Settings

PREFIX = "whsec_"
#: In the data directory, where `backdesk up` has made a key.
KEY_FILE = "webhook-key"
_MISSING = (
    "no key for the secrets of webhooks: set BACKDESK_WEBHOOK_KEY, the same for workers, gateways and command lines, "
    "to what `openssl rand -base64 32` prints"
)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a webhook goes, and the secrets that sign it, the newest first. `private` allows private networks."""

    endpoint: WebhookEndpoint
    secrets: tuple[bytes, ...] = field(repr=False)
    private: bool

    def sign(self, message_id: str, timestamp: int, body: bytes) -> str:
        """Return the value of `webhook-signature`."""
        return signature(self.secrets, message_id, timestamp, body)


class WebhookKeys:
    """The keys of a deployment; the first is for new secrets. All may be missing: then nothing can be signed."""

    def __init__(self, keys: Iterable[bytes], *, private: bool = False) -> None:
        self._private = private
        self._keys = {_id_of(key): key for key in keys}

    @property
    def newest(self) -> str:
        """The id of the key for new secrets. Raises ConfigurationError without one."""
        for key_id in self._keys:
            return key_id
        raise ConfigurationError(_MISSING)

    def receiver(self, endpoint: WebhookEndpoint) -> Receiver:
        """Return where a webhook goes and how it is signed now. Raises TaskError (`webhook_key_missing`)."""
        good = endpoint.good_secrets(datetime.now(UTC))
        try:
            secrets_ = tuple(self.secret(endpoint.id, each) for each in good)
        except ConfigurationError as error:
            # Who sets the key finds the deliveries waiting.
            raise TaskError("webhook_key_missing", str(error), category=Category.NETWORK, transient=True) from None
        return Receiver(endpoint, secrets_, self._private)

    def secret(self, endpoint: str, version: Secret) -> bytes:
        """Return the secret of an endpoint. Raises ConfigurationError where the key is missing it follows from."""
        key = self._keys.get(version.key)
        if key is None:
            raise ConfigurationError(f"the secret of {endpoint} is of the key {version.key}: {_MISSING}")
        info = f"backdesk webhook secret {endpoint} {version.number}".encode()
        return hmac.digest(key, info + b"\x01", "sha256")


def make_key(data_dir: Path) -> None:
    """Leave a key in the data directory, readable by its owner alone, unless there is one. Idempotent."""
    with suppress(FileExistsError):
        path = data_dir / KEY_FILE
        path.touch(0o600, exist_ok=False)
        path.write_text(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode(), "ascii")


def shown(secret: bytes) -> str:
    """Return a secret as receivers take it."""
    return PREFIX + base64.b64encode(secret).decode()


def signature(secrets_: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: one signature a secret, so that either is enough."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(each, signed, 'sha256')).decode()}" for each in secrets_)


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"backdesk webhook key " + key).hexdigest()[:12]


#: Of whoever signs nothing.
NO_KEYS = WebhookKeys(())


def webhook_keys_of(settings: Settings) -> WebhookKeys:
    """Return the keys of a deployment, from its settings or its data directory."""
    given = settings.webhook_key.get_secret_value() if settings.webhook_key else ""
    if not given:
        with suppress(OSError):
            given = (settings.data_dir / KEY_FILE).read_text("ascii").strip()
    return WebhookKeys(read_keys(given) if given else (), private=settings.webhook_private)
