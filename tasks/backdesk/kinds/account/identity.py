"""Who a customer is: the seam to whatever knows them by an e-mail address and a code that is sent there.

The provider of a deployment is named by `BACKDESK_IDENTITY_PROVIDER=module:object`. The object, usually a class, is
called once in a process, with the settings and the business database, and returns the provider.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from typing import Protocol
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict

from backdesk.platform.database import Database
from backdesk.platform.settings import TaskSettings
from backdesk.worker.errors import ConfigurationError


class Identity(BaseModel):
    """Who has proved to be whom."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    name: str
    tier: str


class Denial(StrEnum):
    """Why a code proves nothing."""

    #: Not the code that was sent last, or too late, or used.
    WRONG = "wrong"
    #: Too many wrong ones: for some minutes the right one is refused too.
    LOCKED = "locked"


class IdentityProvider(Protocol):
    """Knows a tenant's customers by their e-mail address. An address that nobody has is treated like any other."""

    async def begin(self, tenant: str, email: str) -> None:
        """Send a code to the address, unless it is locked or has just been sent one."""

    async def verify(self, tenant: str, email: str, code: str, *, key: str) -> Identity | Denial:
        """Say who has typed the code.

        A code is good once. Wrong ones are counted for the address, whoever tries and in however many conversations at
        once, and lock it. The same `key` with the same code is the same try, and has the same answer.
        """


#: Makes a provider.
Factory = Callable[[TaskSettings, Database], IdentityProvider]

_providers: WeakKeyDictionary[Database, IdentityProvider] = WeakKeyDictionary()


def identity_provider(settings: TaskSettings, database: Database) -> IdentityProvider:
    """Return the provider of this deployment, made at its first use.

    Raises ConfigurationError when the setting names nothing that can be called.
    """
    if database not in _providers:
        _providers[database] = _factory(settings.identity_provider)(settings, database)
    return _providers[database]


def _factory(place: str) -> Factory:
    module, _, name = place.partition(":")
    try:
        factory = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"BACKDESK_IDENTITY_PROVIDER: {error}") from error
    if not callable(factory):
        raise ConfigurationError(f"BACKDESK_IDENTITY_PROVIDER: {place} cannot be called")
    return factory  # type: ignore[no-any-return]  # what is configured is taken at its word
