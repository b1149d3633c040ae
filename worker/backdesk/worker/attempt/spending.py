"""What one attempt may spend: each call is allowed before it is made, and counted as what it really was after it.

Without a limit anywhere nobody waits: what is spent is counted behind the body's back. A limit that is set meanwhile is
felt from the second call on.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

from backdesk.worker.attempt.ledger import Ledger, Suspended
from backdesk.worker.errors import FenceLost, Limited
from backdesk.worker.model.asks import APPROVE, DENY, Answer, Ask, AskType
from backdesk.worker.model.budget import (
    Amount,
    BudgetExceeded,
    CostUnknown,
    Estimate,
    OnLimit,
    Refusal,
    TenantLimitInvalid,
    shown,
)
from backdesk.worker.model.job import Claim
from backdesk.worker.pipeline import Pipeline, Run
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.spending import Granted, SpendingCalls

#: How long a call waits for what others hold, from look to look; after that its job is parked. Seconds.
WAITS_S = (0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0)
PARKED_S = 2.0
#: Asks for nothing: only whether there is time.
_NOTHING = Estimate(Amount())


class Spending:
    """A call that is under way: its estimate is set aside until `settle` says what it really took.

    `cheaper` says that it must be made by cheaper means; `limited`, that it must not take more than was granted: the
    least, and of what was wanted beyond it the `share` (0 to 1).
    """

    def __init__(
        self, settle: Callable[[Amount | None], None], *, limited: bool, share: float = 1.0, cheaper: bool = False
    ) -> None:
        self._settle: Callable[[Amount | None], None] | None = settle
        self.limited = limited
        self.share = share
        self.cheaper = cheaper

    def settle(self, real: Amount) -> None:
        """Replace the estimate by the real amount; a cost of None leaves the estimate of it, marked as unknown.

        Returns at once. Only the first call counts; what is never settled stays spent as estimated.
        """
        self._close(real)

    def end(self, error: BaseException | None = None) -> Pipeline[None]:
        """End the call, however it went: as estimated unless it is settled already."""
        self._close(None)
        yield from ()

    def _close(self, real: Amount | None) -> None:
        settle, self._settle = self._settle, None
        if settle is not None:
            settle(real)


class AttemptSpending:
    """The spending of one attempt. Safe to use by concurrent calls of one body. `sleep` as for `ServiceCall`."""

    def __init__(
        self,
        claim: Claim,
        ledger: Ledger,
        submit: Callable[[Call[Any]], Future[Any]],
        calls: SpendingCalls,
        sleep: Callable[[float], Any],
    ) -> None:
        self._claim = claim
        self._ledger = ledger
        self._submit = submit
        self._calls = calls
        self._sleep = sleep
        self._numbers = itertools.count(1)
        self._limited = claim.limited
        #: The pot that is spent but for cheaper means, once there is one.
        self._spent_pot = ""
        self._answers: dict[str, Answer] = {}
        self._asked: set[str] = set()

    def spending(self, estimate: Estimate, *, cheaper: Estimate | None = None) -> Pipeline[Spending]:
        """Set aside what the block will cost, at most, and count what it really was: call `settle` of the value.

        Raises BudgetExceeded, before the block, when a budget of this job, of one that called it, or of its tenant's
        day has no room, and CostUnknown when one is in money and the cost is None. The attempt ends and the job waits
        when a person has to approve; then the block's call is not made yet, and the body runs again from its steps.
        With `cheaper`, the estimate for the same by cheaper means, a budget that says so is gone on with by these: the
        value's `cheaper` tells. What is not settled, as when the block raises, stays spent as estimated.

        Waits one round trip when anything is limited, else none; and longer while other calls hold what it needs, until
        these are settled. Raises Limited when they hold it for long.
        """
        number = next(self._numbers)
        settle = partial(self._settle, number)
        if (granted := (yield from self._taken(number, estimate, cheaper))) is None:
            return Spending(settle, limited=False)
        by_cheaper = bool(self._spent_pot) and cheaper is not None
        return Spending(settle, limited=True, share=granted.share, cheaper=by_cheaper)

    def spend(self, amount: Amount, *, purpose: str = "", cheaper: bool = False) -> Pipeline[None]:
        """Count something as spent, if the budgets have room for it; raises as `spending` does.

        `cheaper` says that it may go on under a budget that lives on cheaper means, as what costs no money may.
        """
        estimate = Estimate(amount, purpose=purpose)
        yield from self._taken(next(self._numbers), estimate, estimate if cheaper else None, final=True)

    def time_left(self) -> Pipeline[float | None]:
        """Return the seconds that the budgets leave the attempt, None without a limit. Raises as `spending` does."""
        left = self._claim.time_left_s
        return left if left is None or left > 0 else (yield from self.check())

    def check(self) -> Pipeline[float | None]:
        """Ask whether there is time, and return how many seconds. One round trip. Raises as `spending` does."""
        return (yield from self._allowed(None, _NOTHING, None)).time_left_s

    def _taken(
        self, number: int, estimate: Estimate, cheaper: Estimate | None, *, final: bool = False
    ) -> Pipeline[Granted | None]:
        """Count a call as spent, and return what was granted; None when nothing is limited, and nobody asked."""
        if self._limited:
            return (yield from self._allowed(number, estimate, cheaper, final=final))
        counted = self._submit(self._calls.spend(self._claim, number, estimate, in_any_case=True, final=final))
        counted.add_done_callback(self._note)
        return None

    def _allowed(
        self, number: int | None, estimate: Estimate, cheaper: Estimate | None, *, final: bool = False
    ) -> Pipeline[Granted]:
        patience = iter(WAITS_S)
        while True:
            chosen, by_cheaper = (cheaper, self._spent_pot) if self._spent_pot and cheaper else (estimate, "")
            spend = self._calls.spend(self._claim, number, chosen, cheaper=by_cheaper, final=final)
            answer = yield self._submit(spend)
            match answer:
                case Granted():
                    self._limited = answer.limited
                    return answer
                case Refusal(pending=True):
                    yield from self._wait(patience, answer)
                case Refusal(on_limit=OnLimit.CHEAPER) if cheaper is not None and not by_cheaper:
                    self._spent_pot = answer.pot
                case Refusal(on_limit=OnLimit.APPROVE):
                    yield from self._approved(answer, estimate)
                case Refusal():
                    raise BudgetExceeded(answer, _remark(answer, by_cheaper=bool(by_cheaper)))
                case CostUnknown() | TenantLimitInvalid():
                    raise answer
                case _:
                    raise FenceLost

    def _wait(self, patience: Iterator[float], refusal: Refusal) -> Pipeline[None]:
        pause_s = next(patience, None)
        if pause_s is None:
            raise Limited(PARKED_S, f"{refusal}, which calls under way have set aside")
        yield Run(lambda: self._sleep(pause_s))

    def _approved(self, refusal: Refusal, estimate: Estimate) -> Pipeline[None]:
        """Grant as much again if a person says so. Raises Suspended until one has, BudgetExceeded when it is denied."""
        answer = self._answer(refusal, estimate)
        if not answer.approved:
            said = f": {answer.note}" if answer.note else ""
            raise BudgetExceeded(refusal, f"{answer.by or 'somebody'} has denied as much again{said}")
        yield self._submit(self._calls.grant(refusal, self._claim.job_id))

    def _answer(self, refusal: Refusal, estimate: Estimate) -> Answer:
        key = refusal.key
        if key in self._asked:  # by a call beside this one
            raise Suspended
        if key not in self._answers:
            try:
                self._answers[key] = self._ledger.ask(_ask(refusal, estimate, self._claim), None)
            except Suspended:
                self._asked.add(key)
                raise
        return self._answers[key]

    def _settle(self, number: int, real: Amount | None) -> None:
        self._submit(self._calls.account(self._claim, number, real))

    def _note(self, counted: Future[Any]) -> None:
        if not counted.cancelled() and counted.exception() is None:
            answer = counted.result()
            self._limited = self._limited or (isinstance(answer, Granted) and answer.limited)


def _ask(refusal: Refusal, estimate: Estimate, claim: Claim) -> Ask:
    facts: dict[str, Any] = {
        "limit": refusal.limit,
        "allowed": refusal.allowed,
        "spent": refusal.spent,
        "wanted": refusal.wanted,
        "granted_before": refusal.grants,
        "kind": claim.kind,
        "tenant": claim.tenant,
    }
    facts |= {"budget_of": refusal.job_id} if refusal.job_id else {"day": refusal.day}
    facts |= {"for": estimate.purpose} if estimate.purpose else {}
    question = "May it spend as much again?" if refusal.job_id else "May this job go on, for as much again?"
    prompt = f"{str(refusal)[0].upper()}{str(refusal)[1:]}. {question}"
    decisions = [APPROVE, DENY]
    return Ask(type=AskType.APPROVAL, name=refusal.key, prompt=prompt, facts=facts, choices=decisions, human_only=True)


def _remark(refusal: Refusal, *, by_cheaper: bool) -> str:
    if refusal.on_limit is not OnLimit.CHEAPER:
        return ""
    again = f"as much again ({shown(refusal.allowed / 2)}) has gone to cheaper means"
    return again if by_cheaper else "there are no cheaper means to go on by"
