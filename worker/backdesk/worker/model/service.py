"""Outside services and what may be asked of them: scopes, limits, and the answers to a call that wants to begin.

A service is named `provider/what`, as in `openai/gpt-4o`. Behind it there is usually a key, of which only a fingerprint
is ever written down. Plain values, no Redis.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.job import NAME_PATTERN

_RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,199}")
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TENANT = re.compile(NAME_PATTERN)
#: Stands for each tenant, by itself.
ANY_TENANT = "*"
#: A limit over this is none; numbers stay exact in the store.
LARGEST = 10**12

Count = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]


class Why(StrEnum):
    """What keeps a call from beginning."""

    RATE = "rate"
    TOKENS = "tokens"
    CONCURRENCY = "concurrency"
    #: The service itself has asked for a pause.
    HOLD = "hold"
    BREAKER = "breaker"


class Went(StrEnum):
    """How a call went, as far as it says something about the service."""

    ANSWERED = "answered"
    #: It could not be reached, did not answer in time, or broke.
    FAILED = "failed"
    #: It wants fewer calls.
    LIMITED = "limited"
    UNKNOWN = "unknown"
    #: It never began.
    UNUSED = "unused"


class BreakerState(StrEnum):
    """The state of a circuit breaker."""

    CLOSED = "closed"
    OPEN = "open"
    #: One call probes whether the service is back.
    HALF_OPEN = "half_open"


class Limits(BaseModel):
    """What may be asked of a service within a scope; None is no limit.

    Requests and tokens are per minute and paced evenly; `concurrent` is the number of calls under way at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent: Count | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.requests_per_minute is self.tokens_per_minute is self.concurrent is None:
            raise ValueError("give at least one of requests_per_minute, tokens_per_minute, concurrent")
        return self

    @classmethod
    def checked(cls, **values: Any) -> Limits:
        """Make limits of what a person has given; raises InvalidRequest with a reason for each wrong field."""
        try:
            return cls(**values)
        except ValidationError as error:
            raise InvalidRequest.of(_reasons(error)) from None


def _reasons(error: ValidationError) -> dict[str, str]:
    return {
        ".".join(map(str, each["loc"])) or "limits": each["msg"].removeprefix("Value error, ")
        for each in error.errors(include_url=False)
    }


class MayLimit(NamedTuple):
    """A scope that may limit a call, the group of scopes that it is of, and the bucket in which it counts."""

    group: str
    scope: str
    bucket: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A service, and the fingerprint of the key that it is used with ("" for none)."""

    name: str
    key: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _RESOURCE.fullmatch(self.name):
            raise InvalidRequest("resource", f"{self.name!r} is no name of a service such as openai/gpt-4o")
        if not isinstance(self.key, str) or (self.key and not _KEY.fullmatch(self.key)):
            raise InvalidRequest("key", "must be a fingerprint of 1 to 64 letters and digits, never the key itself")

    @property
    def bucket(self) -> str:
        """What limits of the service count in: each key by itself."""
        return f"{self.name}#{self.key}" if self.key else self.name

    def scopes(self, tenant: str) -> list[MayLimit]:
        """Return what may limit a call; of a group the first scope that is set counts."""
        names = dict.fromkeys((self.bucket, self.name))
        mine = f"{self.bucket} tenant {tenant}"
        found = [MayLimit("service", name, self.bucket) for name in names]
        for whose in (tenant, ANY_TENANT):
            found += [MayLimit("tenant", f"{name} tenant {whose}", mine) for name in names]
            found.append(MayLimit("tenant", f"tenant {whose}", f"tenant {tenant}"))
        return found


@dataclass(frozen=True, slots=True)
class Scope:
    """Where limits hold: a service (`resource`, perhaps one `key` of it), a tenant (`*` is each), or both at once."""

    resource: str = ""
    key: str = ""
    tenant: str = ""

    def __post_init__(self) -> None:
        if not (self.resource or self.tenant):
            raise InvalidRequest("scope", "name a service such as openai/gpt-4o, or 'tenant acme'")
        if self.resource or self.key:
            Resource(self.resource, self.key)
        if self.tenant and self.tenant != ANY_TENANT and not _TENANT.fullmatch(self.tenant):
            raise InvalidRequest("tenant", f"{self.tenant!r} is no name of a tenant, nor {ANY_TENANT} for each")

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Read `openai/gpt-4o`, `openai/gpt-4o#3fa9c1d2`, `tenant acme`, `tenant *` or `openai/gpt-4o tenant acme`."""
        words = text.split() if isinstance(text, str) else []
        service = words.pop(0) if words and words[0] != "tenant" else ""
        if words and (len(words) != 2 or words[0] != "tenant"):
            raise InvalidRequest(
                "scope", f"{text!r} is not SERVICE, SERVICE#KEY, 'tenant NAME' or 'SERVICE tenant NAME'"
            )
        name, separator, key = service.partition("#")
        if separator and not key:
            raise InvalidRequest("scope", f"{text!r} has no key after the #")
        return cls(name, key, words[1] if words else "")

    def __str__(self) -> str:
        service = f"{self.resource}#{self.key}" if self.key else self.resource
        return f"{service} tenant {self.tenant}".strip() if self.tenant else service


def fingerprint_of(secret: str) -> str:
    """Return what stands for an API key wherever it may be read: the first 8 hex digits of its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Granted:
    """A call may begin after `delay_s`."""

    delay_s: float
    probe: bool = False
    #: Whether nothing is to be settled once it is answered: nothing was reserved, and no failure is to be made up for.
    free: bool = False


@dataclass(frozen=True, slots=True)
class AskAgain:
    """All seats are taken; ask again in about `delay_s`."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Denied:
    """A call may not begin soon: `bucket` has no room for about `delay_s`. Its job waits in the `line`."""

    delay_s: float
    why: Why
    line: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A call needs more tokens than its bucket gets in a whole minute: it can never begin."""

    bucket: str


Reply = Granted | AskAgain | Denied | TooLarge


@dataclass(frozen=True, slots=True)
class Settled:
    """What the breaker of a service is like after a call."""

    state: BreakerState
    probe_in_s: float
    #: Whether this call changed the state.
    changed: bool


class BucketStatus(BaseModel):
    """How full a bucket is. Times in seconds; `requests_ahead_s` and `tokens_ahead_s` say how long is given away."""

    model_config = ConfigDict(frozen=True)

    bucket: str
    requests_ahead_s: float = 0.0
    tokens_ahead_s: float = 0.0
    calls: int = 0
    #: Jobs that are parked because of it.
    parked: int = 0
    held_until: datetime | None = None
    last_call: datetime | None = None


class LimitStatus(BaseModel):
    """Limits of a scope, and the buckets in use that they hold for; None for a service that is on hold without."""

    model_config = ConfigDict(frozen=True)

    scope: str
    limits: Limits | None
    buckets: list[BucketStatus] = []


class BreakerStatus(BaseModel):
    """The circuit breaker of a service. `failures` counts those within the window."""

    model_config = ConfigDict(frozen=True)

    resource: str
    state: BreakerState
    since: datetime | None = None
    failures: int = 0
    next_probe: datetime | None = None
    #: Opened by a person, until `until` or until a person closes it.
    by_hand: bool = False
    until: datetime | None = None
    #: The job that probes now.
    prober: str | None = None
    #: Jobs that are parked because of it.
    parked: int = 0
