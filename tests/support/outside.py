"""Limits of outside services in a test's hands: calls of jobs that run, under the clock of a board."""

from __future__ import annotations

from typing import TypeVar

from backdesk.worker.failure import Failure
from backdesk.worker.model.job import Claim, Deferred
from backdesk.worker.model.service import (
    BreakerState,
    Denied,
    Granted,
    Limits,
    Reply,
    Resource,
    Settled,
    TooLarge,
    Went,
    Why,
)
from backdesk.worker.store.scripts import Call, run
from backdesk.worker.store.services import Reservations
from tests.support.board import Board

T = TypeVar("T")

MODEL = Resource("openai/gpt-4o", "3fa9c1d2")
OTHER_KEY = Resource("openai/gpt-4o", "00c0ffee")


class Outside:
    """The calls of one deployment to outside services."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.reservations = Reservations(board.settings, board.clock)
        self._numbers = 0

    def run(self, call: Call[T]) -> T:
        return run(self.board.client, call)

    def limit(self, scope: str, **limits: int) -> None:
        encoded = Limits(**limits).model_dump_json(exclude_none=True)
        self.board.client.hset(self.board.keys.service_limits, scope, encoded)

    def unlimit(self, scope: str) -> None:
        self.board.client.hdel(self.board.keys.service_limits, scope)

    def call(self, claim: Claim | None = None) -> str:
        """Name a new call; of a job that runs, or of nobody."""
        self._numbers += 1
        return f"{claim.job_id}:{claim.fence}:{self._numbers}" if claim else f"nobody:1:{self._numbers}"

    def reserve(
        self,
        call: str | None = None,
        *,
        of: Resource = MODEL,
        tenant: str = "acme",
        tokens: int = 0,
        wait_s: float = 5.0,
    ) -> Reply:
        return self.run(self.reservations.reserve(call or self.call(), of, tenant, tokens, wait_s))

    def granted(self, call: str | None = None, **how: object) -> float:
        """Reserve a call that must be granted; gives the seconds until it begins."""
        reply = self.reserve(call, **how)  # type: ignore[arg-type]  # the arguments of reserve
        assert isinstance(reply, Granted), reply
        return reply.delay_s

    def denied(self, call: str | None = None, **how: object) -> Denied:
        """Reserve a call that must be denied."""
        reply = self.reserve(call, **how)  # type: ignore[arg-type]  # as above
        assert isinstance(reply, Denied), reply
        return reply

    def settle(
        self, call: str, went: Went = Went.ANSWERED, used: int | None = None, hold_s: float | None = None
    ) -> Settled:
        return self.run(self.reservations.settle(call, MODEL, went, used, hold_s))

    def fail(self, times: int = 1) -> BreakerState:
        """Let calls that are let through fail; gives the state of the breaker then."""
        state = BreakerState.CLOSED
        for _ in range(times):
            state = self.settle(self.call(), Went.FAILED).state
        return state

    def release(self) -> int:
        """Look at all limits that hold jobs, and tell how many of these may go on."""
        released, cursor = self.run(self.reservations.release())
        while cursor != "0":
            more, cursor = self.run(self.reservations.release(cursor))
            released += more
        return released

    def park(self, claim: Claim, denied: Denied) -> None:
        """End an attempt whose call was denied, as the executor does."""
        failure = Failure(code="limited", message="no room")
        outcome = Deferred(failure, denied.delay_s, MODEL.name, denied.why, denied.line)
        assert self.board.finish(claim, outcome)

    def parked(self, **how: object) -> str:
        """Run a job that is denied its call and parked; gives its id."""
        claim = self.board.start(self.board.submit())
        self.park(claim, self.denied(self.call(claim), **how))
        return claim.job_id

    def field(self, name: str) -> str:
        raw = self.board.client.hget(self.board.keys.breaker(MODEL.name), name)
        return raw.decode() if isinstance(raw, bytes) else ""


__all__ = ["MODEL", "OTHER_KEY", "Granted", "Outside", "TooLarge", "Why"]
