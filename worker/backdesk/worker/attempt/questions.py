"""Questions to people: approvals, choices and texts. The job waits without a slot, and runs again from its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backdesk.worker.attempt.ledger import Ledger
from backdesk.worker.model.asks import APPROVE, DENY, Answer, Ask, AskType
from backdesk.worker.pipeline import Pipeline


class Questions:
    """The questions of one attempt."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def ask(
        self,
        /,
        key: str,
        prompt: str,
        *,
        choices: Sequence[str] = (),
        within: float | None = None,
        otherwise: str | None = None,
        human_only: bool = False,
        **facts: Any,
    ) -> Pipeline[Answer]:
        """Ask a person, and return the answer; the job waits without a slot and runs again from its steps.

        The answer's decision is one of `choices`, or else its `value` is a text. When nobody answers `within` so many
        seconds, the decision is `otherwise` and the answer is marked `timed_out`. `facts` are shown with the question.
        With `human_only` no program may answer in a person's place: not the host of a model that is a client either.
        """
        ask = Ask(
            type=AskType.QUESTION,
            name=key,
            prompt=prompt,
            choices=list(choices),
            facts=facts,
            expires_in_s=within,
            on_timeout=otherwise,
            human_only=human_only,
        )
        return self._answer(ask)

    def approval(
        self,
        /,
        key: str,
        prompt: str,
        *,
        within: float | None = None,
        otherwise: str = DENY,
        human_only: bool = False,
        **facts: Any,
    ) -> Pipeline[Answer]:
        """Have a person approve or deny something; see `ask`. Denied when nobody answers in time."""
        ask = Ask(
            type=AskType.APPROVAL,
            name=key,
            prompt=prompt,
            choices=[APPROVE, DENY],
            facts=facts,
            expires_in_s=within,
            on_timeout=otherwise,
            human_only=human_only,
        )
        return self._answer(ask)

    def _answer(self, ask: Ask) -> Pipeline[Answer]:
        yield from ()  # nothing is waited for: there is an answer, or the attempt ends
        late = Answer(decision=ask.on_timeout or "", by="time-out", note="nobody answered in time", timed_out=True)
        return self._ledger.ask(ask, None if ask.expires_in_s is None else late)
