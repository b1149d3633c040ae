"""Who may ask a gateway for what: scopes, keys of programs, sessions of people. Plain values, no Redis."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from backdesk.worker.model.job import Name

#: How the secret of a key begins.
KEY_MARK = "bdk_"
_TOKEN = re.compile(rf"{KEY_MARK}([0-9a-f]{{12}})_[A-Za-z0-9_-]{{43}}")


class Scope(StrEnum):
    """What a caller may do; each includes those before it."""

    #: See jobs, their progress and their results.
    READ = "read"
    #: Ask for jobs, and end those.
    SUBMIT = "submit"
    #: Decide what jobs ask, do them again, manage schedules and webhooks.
    OPERATE = "operate"
    #: Manage tenants, limits and keys.
    ADMIN = "admin"

    def includes(self, other: Scope) -> bool:
        """Return whether who has this may do what needs the other."""
        ranks = [*Scope]
        return ranks.index(other) <= ranks.index(self)


class ApiKey(BaseModel):
    """A key as it is known: all but its secret, of which there is only the hash. Times are in UTC.

    `tenant` is the only one it is for, None stands for all. After a rotation the secret before is good until
    `overlap_until`. `last_used_at` is exact to a minute.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")
    scope: Scope
    tenant: Name | None = None
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    last_used_at: AwareDatetime | None = None
    rotated_at: AwareDatetime | None = None
    overlap_until: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None

    def usable(self, now: datetime) -> bool:
        """Return whether it lets anybody in."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Session(BaseModel):
    """Somebody who has signed in, by a one-time link (`link`) or an identity provider (`oidc`). Times are in UTC.

    `id` names it in lists; it is the hash of what the browser keeps, and lets nobody in.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")
    scope: Scope
    tenant: Name | None = None
    way: str = "link"
    created_at: AwareDatetime
    expires_at: AwareDatetime


def hashed(secret: str) -> str:
    """Return what is kept of a secret that we have drawn.

    One pass of SHA-256 is enough: there are 2^256 of them, all as likely, so nobody who has read the hash can try
    them. What makes hashes of passwords slow protects what people choose, and would cost each request 100 ms.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    """Return 256 random bits as text for addresses and headers."""
    return secrets.token_urlsafe(32)


def new_token(key_id: str | None = None) -> tuple[str, str]:
    """Return the id of a key, a new one unless it is given, and its whole secret as callers send it."""
    key_id = key_id or secrets.token_hex(6)
    return key_id, f"{KEY_MARK}{key_id}_{new_secret()}"


def key_id_of(token: str) -> str | None:
    """Return the id in a secret, None for what cannot be one of a key."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else None
