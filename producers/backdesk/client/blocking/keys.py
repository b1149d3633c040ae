"""API keys: what programs bring to the gateway."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from backdesk.client.operations.keys import OVERLAP, ApiKeys, KeyOperations, SecretKey
from backdesk.client.over_http.served import served
from backdesk.worker.model.access import ApiKey, Scope

if TYPE_CHECKING:
    from backdesk.client.blocking.client import JobClient


class ApiKeyRing:
    """The API keys of a deployment, `client.keys`. Redis holds hashes of their secrets, and no secret."""

    def __init__(self, client: JobClient) -> None:
        self._client = client
        self._operations = served(client.core, KeyOperations)

    def add(
        self,
        name: str,
        *,
        scope: Scope | str = Scope.SUBMIT,
        tenant: str | None = None,
        expires_in: timedelta | None = None,
    ) -> SecretKey:
        """Make a key, and return it with its secret, which is told this once.

        `name` says whose it is, `scope` what it may do (each of `read`, `submit`, `operate`, `admin` includes those
        before it), `tenant` the only one that it knows of; None stands for all. Raises InvalidRequest.
        """
        return self._client.do(self._operations.add(name, scope, tenant, expires_in))

    def list(self, *, tenant: str | None = None, limit: int = 100, cursor: str | None = None) -> ApiKeys:
        """Return a page of keys, the newest first, also those that are revoked; `cursor` goes on behind it.

        With a `tenant` only those that are for it alone. Raises InvalidRequest.
        """
        return self._client.do(self._operations.list(tenant, limit, cursor))

    def get(self, key_id: str) -> ApiKey:
        """Return one; raises KeyNotFound."""
        return self._client.do(self._operations.get(key_id))

    def rotate(self, key_id: str, *, overlap: timedelta = OVERLAP) -> SecretKey:
        """Give a key a new secret, which is told this once; the one before is good for as long as `overlap`.

        Atomic: of two at the same time one comes second, and the secret that the first has made is the one before.
        Raises KeyNotFound, and InvalidRequest for a key that lets nobody in.
        """
        return self._client.do(self._operations.rotate(key_id, overlap))

    def revoke(self, key_id: str) -> bool:
        """Let nobody in by a key any more; returns whether it was not revoked before. Idempotent. Raises KeyNotFound.

        Gateways that have just let it in do so for two seconds still.
        """
        return self._client.do(self._operations.revoke(key_id))

    def find(self, secret: str) -> ApiKey | None:
        """Return the key of a secret; None for an unknown, expired or revoked one.

        Secrets are compared in constant time. That it was used is noted once a minute.
        """
        return self._client.do(self._operations.find(secret))

    def any(self) -> bool:
        """Return whether there is a key, or has been one: revoked keys count."""
        return self._client.do(self._operations.any())
