"""The errors of those who may not."""

from __future__ import annotations

from typing import Self

from backdesk.worker.errors import BackdeskError


class Unauthenticated(BackdeskError):
    """Nobody is known by what the request brought; the message says what to bring."""


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
