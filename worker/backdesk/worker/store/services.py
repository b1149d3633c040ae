"""Calls of outside services as the store sees them: reserved before, settled after. Pure, as `jobs` is."""

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
from backdesk.worker.store.calls import CallBuilder, optional, text
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.upkeep import BATCH


class Reservations(CallBuilder):
    """Builds the calls that reserve, settle and release. `call` names one call: job, fence, number."""

    def reserve(self, call: str, resource: Resource, tenant: str, tokens: int, wait_s: float) -> Call[Reply]:
        """Let a call begin within `wait_s`, or learn when to come back. Idempotent by call."""
        return self._call(
            "reserve",
            _read_reply,
            resource.scopes(tenant),
            call=call,
            resource=resource.name,
            bucket=resource.bucket,
            tokens=tokens,
            wait_ms=_ms(wait_s),
            probe_ms=self._probe_ms,
            timeout_ms=_ms(self._settings.breaker_probe_timeout_s),
        )

    def settle(
        self, call: str, resource: Resource, went: Went, used: int | None = None, hold_s: float | None = None
    ) -> Call[Settled]:
        """True up what a call has reserved (`used` tokens in all), and tell the breaker how it went. Idempotent."""
        settings = self._settings
        return self._call(
            "settle",
            _read_settled,
            call=call,
            resource=resource.name,
            bucket=resource.bucket,
            went=went,
            used=optional(used),
            hold_ms="" if hold_s is None else _ms(hold_s),
            failures=settings.breaker_failures,
            window_ms=_ms(settings.breaker_window_s),
            probe_ms=self._probe_ms,
            wait_ms=_ms(settings.limit_wait_s),
        )

    def release(self, cursor: str = "0") -> Call[tuple[int, str]]:
        """Let held jobs of some limits go on, as many as these have room for, at most `BATCH` of one.

        Gives how many, and the cursor at which the next call goes on: "0" when all limits have been looked at.
        """
        return self._call(
            "release",
            lambda reply: (int(reply[0]), text(reply[1])),
            wait_ms=_ms(self._settings.limit_wait_s),
            probe_ms=self._probe_ms,
            timeout_ms=_ms(self._settings.breaker_probe_timeout_s),
            most=BATCH,
            cursor=cursor,
        )

    def switch(self, resource: str, state: BreakerState, for_s: float | None = None) -> Call[BreakerState]:
        """Open a breaker by hand, for a time or until it is closed so, or close it; gives the state before."""
        for_ms = "" if for_s is None else _ms(for_s)
        return self._call("switch", lambda was: BreakerState(text(was)), resource=resource, state=state, for_ms=for_ms)

    @property
    def _probe_ms(self) -> int:
        return _ms(self._settings.breaker_probe_s)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _read_reply(reply: list[Any]) -> Reply:
    permission, ms, *facts = reply
    match text(permission), [text(fact) for fact in facts]:
        case "go", [what]:
            return Granted(ms / 1000, probe=what == "probe", free=what == "free")
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
