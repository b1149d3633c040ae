"""Tokens that only this deployment can make: nothing of them is kept anywhere."""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from backdesk.worker.errors import ConfigurationError
from backdesk.worker.text.json import decode, encode

FILE = "gateway.secret"
#: A longer token is none of ours.
LONGEST = 4096


class Signer:
    """Signs and reads tokens with the secrets of a deployment: the first signs, all are believed.

    Redis does not have them: who can read it could forge links then. Several gateways of a deployment need the same.
    """

    def __init__(self, given: Sequence[str], folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._secrets = [each.encode() for each in given]
        self._folder = folder
        self._clock = clock

    def sign(self, purpose: str, valid_s: float, **claims: Any) -> str:
        """Return a token that is good for one purpose and so many seconds. Raises ConfigurationError."""
        text = _text(encode({**claims, "exp": round(self._clock() + valid_s)}))
        return f"{text}.{_text(_mac(self._read()[0], purpose, text))}"

    def read(self, purpose: str, token: str) -> dict[str, Any] | None:
        """Return what was signed for a purpose; None for what was not, was changed, or is too old."""
        text, separator, mac = token.partition(".")
        if not separator or len(token) > LONGEST or not token.isascii():
            return None
        # All are compared, however many there are: in constant time.
        fitting = [hmac.compare_digest(_text(_mac(each, purpose, text)), mac) for each in self._read()]
        if not any(fitting):
            return None
        claims: dict[str, Any] = decode(_bytes(text))
        return claims if self._clock() < claims["exp"] else None

    def _read(self) -> list[bytes]:
        if not self._secrets:
            self._secrets = [_secret_in(self._folder)]
        return self._secrets


def _secret_in(folder: Path) -> bytes:
    """Return the secret of a data directory, made when it is first asked for; of two who make it one does."""
    file = folder / FILE
    try:
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            made = folder / f"{FILE}.{secrets.token_hex(4)}"
            made.touch(0o600, exist_ok=False)
            made.write_text(secrets.token_urlsafe(32))
            with suppress(FileExistsError):
                file.hardlink_to(made)  # unlike a rename it leaves one that is there
            made.unlink()
        return file.read_bytes()
    except OSError as error:
        reason = f"links need a secret, and none can be kept in {folder} ({error.strerror})"
        raise ConfigurationError(f"{reason}: set BACKDESK_GATEWAY_SECRET") from None


def _mac(secret: bytes, purpose: str, text: str) -> bytes:
    return hmac.digest(secret, f"backdesk {purpose} {text}".encode(), "sha256")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
