"""The rights that scripts need in Redis, looked at before the first of them writes.

Redis looks at the rights of each command of a script when it comes to it. One that may not be done ends the script, and
what it has written stays written. Without rights to channels jobs go on, and only cannot be watched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from backdesk.worker.errors import NotPermitted
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import CallBuilder, text
from backdesk.worker.store.scripts import Call

#: How an error names the command that was denied; one of a key names none.
_COMMAND = re.compile(r"'([a-z|-]+)' command")
_OF_CHANNELS = ("PUBLISH ", "SUBSCRIBE ", "PSUBSCRIBE ")


@dataclass(frozen=True, slots=True)
class Rights:
    """What the user of a connection may not do of what is needed: each a command and the key or channel."""

    user: str
    prefix: str
    missing: tuple[str, ...] = ()

    @property
    def to_write(self) -> tuple[str, ...]:
        """What keeps jobs from being written."""
        return tuple(each for each in self.missing if not each.startswith(_OF_CHANNELS))

    @property
    def to_watch(self) -> tuple[str, ...]:
        """What keeps jobs from being watched."""
        return tuple(each for each in self.missing if each.startswith(_OF_CHANNELS))

    @property
    def rule(self) -> str:
        """The command that gives what is missing. Where keys are, whether commands are shows only after it."""
        commands, names = {each.split()[0] for each in self.to_write}, {each.split()[-1] for each in self.to_write}
        if {"EXISTS", "ZCARD", "LLEN"} <= commands or any(name.startswith(f"{self.prefix}.") for name in names):
            given = [f"~{self.prefix}:*", f"~{self.prefix}.*"]
        else:
            given = sorted(f"+{command.lower()}" for command in commands)
        # Patterns of Celery's subscriptions must be allowed as they are; its channels are many.
        celerys = any(each.startswith("PSUBSCRIBE ") for each in self.to_watch)
        channels = ["&*"] if celerys else [f"&{self.prefix}:*"] if self.to_watch else []
        return f"ACL SETUSER {self.user} {' '.join([*given, *channels])}"

    def check(self, *, channels: bool = False) -> None:
        """Raise NotPermitted unless jobs can be written, and with `channels` unless those may be used."""
        if lacking := self.missing if channels else self.to_write:
            raise NotPermitted(self.user, lacking, self.rule)


def user_of(settings: Settings) -> str:
    """Return the user of Redis that the address names."""
    return unquote(urlsplit(settings.url).username or "default")


def rule_after(denial: BaseException, settings: Settings) -> str:
    """Return the command that gives what the error of a command says that the user lacks."""
    command = _COMMAND.search(str(denial))
    given = f"+{command[1]}" if command else f"~{settings.prefix}:* ~{settings.prefix}.*"
    return f"ACL SETUSER {user_of(settings)} {given}"


class RightsCalls(CallBuilder):
    """Builds the call that tells what is missing."""

    def missing(self, control: str = "") -> Call[Rights]:
        """Ask what the user of the connection may not do, for a worker with its control channel. Changes nothing."""
        return self._call("rights", self._read, self._settings.queues, control=control)

    def _read(self, reply: Sequence[bytes]) -> Rights:
        return Rights(user_of(self._settings), self._settings.prefix, tuple(text(each).strip() for each in reply))
