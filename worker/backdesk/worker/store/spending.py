"""The calls that count what jobs spend: each sets aside, settles or grants by one Lua script. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from backdesk.worker.model.budget import MICRO, Amount, CostUnknown, Estimate, OnLimit, Refusal, TenantLimitInvalid
from backdesk.worker.model.job import Claim
from backdesk.worker.store.calls import CallBuilder, flag, optional, text
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.signature import Argument


@dataclass(frozen=True, slots=True)
class Granted:
    """What was asked for is set aside; of what was wanted beyond the least, `share` (0 to 1)."""

    share: float
    #: Whether anything limits the job's spending; if not, the next call need not wait to be allowed.
    limited: bool
    time_left_s: float | None


@dataclass(frozen=True, slots=True)
class Lost:
    """The attempt has lost its fence."""


#: How a reservation is answered; an error is raised by whoever reads it.
Answer = Granted | Refusal | CostUnknown | TenantLimitInvalid | Lost


class SpendingCalls(CallBuilder):
    """Builds the calls that count spending."""

    def spend(
        self,
        claim: Claim,
        number: int | None,
        estimate: Estimate,
        *,
        cheaper: str = "",
        in_any_case: bool = False,
        final: bool = False,
    ) -> Call[Answer]:
        """Set an estimate aside in all the pots of a job, or in none. Idempotent by number within the attempt.

        Without a number nothing is set aside, and the answer is whether there is time. `cheaper` is for calls by
        cheaper means: the job, or the day, whose budget has refused others. `in_any_case` asks no limit, and no fence.
        `final` is for what will cost just that, and is not accounted for.
        """
        return self._of(
            claim,
            "spend",
            lambda reply: _read_answer(reply, estimate.purpose),
            number=optional(number),
            **_counted(estimate.least),
            more_tokens=estimate.more.tokens,
            more_cost=estimate.more.cost_micro or 0,
            cheaper=cheaper,
            in_any_case=flag(in_any_case),
            final=flag(final),
        )

    def account(self, claim: Claim, number: int, amount: Amount | None) -> Call[bool]:
        """Replace what a call has set aside by its real amount, None when nothing better is known. Idempotent."""
        real = _counted(amount or Amount())
        if amount is None:
            real = dict.fromkeys(real, "")
        return self._of(claim, "account", bool, number=number, **real)

    def grant(self, refusal: Refusal, job_id: str) -> Call[bool]:
        """Allow as much again of the budget that refused; past a tenant's day, to the job. Idempotent."""
        return self._call("grant", bool, id=refusal.job_id or job_id, day=refusal.day, number=refusal.grants + 1)


def _counted(amount: Amount) -> dict[str, Argument]:
    return {
        "tokens": amount.tokens,
        "cost": optional(amount.cost_micro),
        "model_calls": amount.model_calls,
        "tool_calls": amount.tool_calls,
    }


def _read_answer(reply: list[Any], purpose: str) -> Answer:
    match reply:
        case [1, share, limited, left]:
            return Granted(share / MICRO, bool(limited), int(left) / 1000 if left else None)
        case [0, refusal]:
            return _read_refusal(from_json(refusal))
        case [-2, job_id, tenant]:
            return CostUnknown(f"job {text(job_id)}" if job_id else f"tenant {text(tenant)}", purpose)
        case [-3, tenant, field, value]:
            return TenantLimitInvalid(text(tenant), text(field), text(value))
        case _:
            return Lost()


def _read_refusal(found: dict[str, Any]) -> Refusal:
    limit, scale = {"cost": ("cost_usd", MICRO), "wall": ("wall_s", 1000)}.get(found["limit"], (found["limit"], 1))
    return Refusal(
        limit=limit,
        allowed=found["allowed"] / scale,
        spent=found["spent"] / scale,
        wanted=found["wanted"] / scale,
        on_limit=OnLimit(found["on_limit"]),
        grants=int(found["grants"]),
        job_id=found["job_id"],
        tenant=found["tenant"],
        day=found["day"],
        pending=found["pending"],
        resets_in_s=found["resets_in"] / 1000 if "resets_in" in found else None,
    )
