"""The settings of tools and kinds: each reads its own, from the environment, `.env`, or files among the secrets.

A class of them stands in the module `settings` of its tool or kind, loads no library, and is found there by
`backdesk doctor`, which shows all values, the secret ones masked, and by `backdesk health --deep`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, TypeVar

from pydantic import SecretStr, ValidationError

from backdesk.platform.dependency import Dependency
from backdesk.platform.settings import SECRETS, Outside, sentences
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.text.masking import mask

#: The user and the password of an address.
_LOGIN = re.compile(r"(?<=://)[^/@\s]+(?=@)")
MASK = "***"


class ToolSettings(Outside):
    """What a tool or a kind reads from outside. Each field has an alias that begins with `BACKDESK_`, and a default."""

    #: Whose settings these are, as people know it: `query tool`.
    title: ClassVar[str] = ""

    def dependencies(self) -> Sequence[Dependency]:
        """Return what must be reachable; loads libraries only when it is checked."""
        return ()


S = TypeVar("S", bound=ToolSettings)


@cache
def settings_of(kind: type[S]) -> S:
    """Read settings, once a process. Raises ConfigurationError: a sentence for each wrong value, never the value."""
    return read(kind)


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting as anybody may see it: of what is secret, only whether there is something."""

    name: str
    value: Any
    #: Whether it comes from outside, and is not the default.
    given: bool


def shown(settings: ToolSettings) -> Iterator[ShownSetting]:
    """Yield all settings, without passwords: neither what is declared to be secret nor what stands in addresses."""
    for field, value in settings.model_dump(mode="json").items():
        alias = type(settings).model_fields[field].validation_alias
        name = alias if isinstance(alias, str) else field
        yield ShownSetting(name, _unsecret(value), field in settings.model_fields_set)


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return a text without these secrets, and without what looks like one."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK) if secret else text
    return mask(_LOGIN.sub(MASK, text))


def secrets_of(settings: ToolSettings) -> list[str]:
    """Return what must not be shown of settings."""
    return [*_secrets_in(vars(settings))]


def _secrets_in(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield from filter(None, (value.get_secret_value(),))
    elif isinstance(value, dict):
        for each in value.values():
            yield from _secrets_in(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _secrets_in(each)


def _unsecret(value: Any) -> Any:
    """Return a value as JSON without its secrets, which are stars by now."""
    match value:
        case dict():
            return {name: _unsecret(each) for name, each in value.items()}
        case list():
            return [_unsecret(each) for each in value]
        case str():
            return MASK if value and not value.strip("*") else mask(_LOGIN.sub(MASK, value))
    return value


def read(kind: type[S]) -> S:
    """Read settings as they are now. Raises as `settings_of`."""
    try:
        return kind(_secrets_dir=SECRETS if SECRETS.is_dir() else None)
    except ValidationError as error:
        raise ConfigurationError(sentences(error)) from None
