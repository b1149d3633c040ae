"""The settings of tools and kinds: each reads its own, from the environment, `.env`, or files among the secrets.

A class of them stands in the module `settings` of its tool or kind, loads no library, and is found there by
`backdesk doctor`, which shows all values, the secret ones masked, and by `backdesk health --deep`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from backdesk.platform.settings import SECRETS, sentences
from backdesk.worker.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Dependency:
    """What a tool cannot work without. `check` blocks; it returns what it has found, and raises what is wrong."""

    name: str
    check: Callable[[], str]


class ToolSettings(BaseSettings):
    """What a tool or a kind reads from outside. Each field has an alias that begins with `BACKDESK_`, and a default."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_file=".env", env_ignore_empty=True, hide_input_in_errors=True
    )
    #: Whose settings these are, as people know it: `query tool`.
    title: ClassVar[str] = ""

    def dependencies(self) -> Sequence[Dependency]:
        """Return what must be reachable; loads libraries only when it is checked."""
        return ()


S = TypeVar("S", bound=ToolSettings)


@cache
def settings_of(kind: type[S]) -> S:
    """Read settings, once a process. Raises ConfigurationError: a sentence for each wrong value, never the value."""
    try:
        return kind(_secrets_dir=SECRETS if SECRETS.is_dir() else None)
    except ValidationError as error:
        raise ConfigurationError(sentences(error)) from None
