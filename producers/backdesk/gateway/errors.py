"""The errors of those who may not."""

from __future__ import annotations

from typing import Self

from backdesk.worker.errors import BackdeskError


class Unauthenticated(BackdeskError):
    """Nobody is known by what the request brought; the message says what to bring.

    `challenge` is the answer's WWW-Authenticate (RFC 6750).
    """

    def __init__(self, reason: str, challenge: str = "Bearer") -> None:
        super().__init__(reason, challenge)
        self.reason = reason
        self.challenge = challenge

    def __str__(self) -> str:
        return self.reason


class TooManyAttempts(BackdeskError):
    """An address has failed to sign in too often; `retry_after_s` says when it may try again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"too many attempts from this address failed; try again in {self.retry_after_s} s"


class IssuerUnavailable(BackdeskError):
    """The identity provider does not answer as it should."""


class LinkRefused(BackdeskError):
    """A signed link is not good, any more or for this. It is not said why: nothing is to be learned by trying."""

    def __str__(self) -> str:
        return "this link is not good for this, or not any more"


class Forbidden(BackdeskError):
    """The caller may not do this: a wider scope is needed, or it is another tenant's."""

    def __init__(self, needed: str, has: str = "", reason: str = "") -> None:
        super().__init__(needed, has, reason)
        self.reason = reason or f"this needs the scope {needed!r}; the caller has {has!r}"

    @classmethod
    def of_tenant(cls, tenant: str) -> Self:
        """Refuse what is another tenant's."""
        whose = "all tenants" if tenant == "*" else f"the tenant {tenant!r}"
        return cls("tenant", "", f"this is for callers of {whose}")

    def __str__(self) -> str:
        return self.reason
