"""What every call of a script has in common, for one deployment. Pure: nothing here speaks to Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from backdesk.worker.model.job import Claim
from backdesk.worker.settings import Settings
from backdesk.worker.store.scripts import STORE, Call, load_script
from backdesk.worker.store.signature import Argument, Number

T = TypeVar("T")


class CallBuilder:
    """Builds calls of scripts. `clock` gives ms in tests; by default the time is that of Redis.

    Arguments are passed by the names that the header of the script gives them; of each item, its attributes of the
    names listed there are.
    """

    #: The room in which the scripts are.
    _room = STORE

    def __init__(self, settings: Settings, clock: Callable[[], int] | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._common = (settings.idle_window, settings.retention_s * 1000, settings.succeeded_retention_s * 1000)

    def _call(
        self, script: str, read: Callable[[Any], T], items: Iterable[Any] = (), /, **arguments: Argument
    ) -> Call[T]:
        return self._made(script, read, items, arguments, None)

    def _of(
        self, claim: Claim, script: str, read: Callable[[Any], T], items: Iterable[Any] = (), /, **arguments: Argument
    ) -> Call[T]:
        """Build a call of an attempt; each of these may take effect only after the one before has."""
        chain = (claim.job_id, claim.fence)
        arguments["id"], arguments["fence"] = chain
        return self._made(script, read, items, arguments, chain)

    def _made(
        self,
        name: str,
        read: Callable[[Any], T],
        items: Iterable[Any],
        arguments: dict[str, Argument],
        chain: tuple[str, str] | None,
    ) -> Call[T]:
        script, now = load_script(name, self._room), self._clock() if self._clock else ""
        own, share = script.signature.arrange(arguments, items), script.signature.share
        reads = partial(_first, read) if share else read
        return Call(script, (self._settings.prefix, now, *self._common, *own), reads, chain, share)


def _first(read: Callable[[Any], T], answers: Sequence[Any]) -> T:
    return read(answers[0])


def optional(value: int | None) -> Number:
    """Return a number as scripts take what may be left out."""
    return "" if value is None else value


def flag(value: bool) -> Number:
    """Return a truth as scripts take it."""
    return 1 if value else ""


def text(value: bytes | str) -> str:
    """Return a reply of Redis as text."""
    return value.decode() if isinstance(value, bytes) else value
