"""Calls of outside services as the store sees them: reserved before, settled after. Pure, as `transitions` is."""

from __future__ import annotations

from typing import Any

from backdesk.worker.model.service import (
    AskAgain,
    BreakerState,
    Denied,
    Granted,
    Reply,
    Resource,
    Settled,
    TooLarge,
    Went,
    Why,
)
from backdesk.worker.store.calls import CallBuilder
from backdesk.worker.store.jobs import BATCH, text
from backdesk.worker.store.scripts import Call


class Reservations(CallBuilder):
    """Builds the calls that reserve, settle and release. `call` names one call: job, attempt, number."""

    def reserve(self, call: str, resource: Resource, tenant: str, tokens: int, wait_s: float) -> Call[Reply]:
        """Let a call begin within `wait_s`, or learn when to come back. Idempotent by call."""
        scopes = [value for scope in resource.scopes(tenant) for value in scope]
        begin = (call, resource.name, resource.bucket, tokens, _ms(wait_s))
        return self._call("reserve", *begin, *self._probe(), *scopes, read=_read_reply)

    def settle(
        self, call: str, resource: Resource, went: Went, used: int | None = None, hold_s: float | None = None
    ) -> Call[Settled]:
        """True up what a call has reserved (`used` tokens in all), and tell the breaker how it went. Idempotent."""
        settings = self._settings
        return self._call(
            "settle",
            *(call, resource.name, resource.bucket, went),
            "" if used is None else used,
            "" if hold_s is None else _ms(hold_s),
            *(settings.breaker_failures, _ms(settings.breaker_window_s), self._probe()[0], _ms(settings.limit_wait_s)),
            read=_read_settled,
        )

    def release(self) -> Call[int]:
        """Let held jobs go on, as many as their limits have room for; gives how many. At most `BATCH` of a line."""
        return self._call("release", _ms(self._settings.limit_wait_s), *self._probe(), BATCH, read=int)

    def switch(self, resource: str, state: BreakerState, for_s: float | None = None) -> Call[BreakerState]:
        """Open a breaker by hand, for a time or until it is closed so, or close it; gives the state before."""
        return self._call(
            "switch", resource, state, "" if for_s is None else _ms(for_s), read=lambda was: BreakerState(text(was))
        )

    def _probe(self) -> tuple[int, int]:
        return _ms(self._settings.breaker_probe_s), _ms(self._settings.breaker_probe_timeout_s)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _read_reply(reply: list[Any]) -> Reply:
    verdict, ms, *facts = reply
    match text(verdict), [text(fact) for fact in facts]:
        case "go", [what]:
            return Granted(ms / 1000, probe=what == "probe")
        case "ask", _:
            return AskAgain(ms / 1000)
        case "park", [why, line]:
            return Denied(ms / 1000, Why(why), line)
        case _, [_, bucket]:
            return TooLarge(bucket)
        case _:
            raise ValueError(f"reserve.lua answered {reply!r}")


def _read_settled(reply: list[Any]) -> Settled:
    state, probe_in_ms, changed = reply
    return Settled(BreakerState(text(state)), probe_in_ms / 1000, bool(changed))
