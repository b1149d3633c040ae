"""What an attempt knows to be written, with steps that run beside each other."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from backdesk.worker.attempt.ledger import Effect, Ledger
from backdesk.worker.errors import FenceLost
from backdesk.worker.model.job import Claim
from backdesk.worker.pipeline import Pipeline
from backdesk.worker.settings import load_settings
from backdesk.worker.store.attempts import Noted
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import Call
from tests.support.contexts import Unflushed

CLAIM = Claim("job-1", "test.echo", "acme", "agents", 1, "fence", b"{}", {}, None, 0)


class Store:
    """Takes calls and answers none."""

    def __init__(self, claim: Claim = CLAIM) -> None:
        self.calls: list[Future[Any]] = []
        transitions = Transitions(load_settings(_env_file=None))
        self.ledger = Ledger(claim, self._submit, transitions, progress=Unflushed(), max_bytes=1000)

    def _submit(self, _call: Call[Any]) -> Future[Any]:
        self.calls.append(Future())
        return self.calls[-1]

    def begun(self, key: str, effect: Effect) -> Pipeline[Any]:
        """A step whose call is being made."""
        step = self.ledger.step(key, lambda: 1, effect, TypeAdapter(int))
        next(step)
        if effect is Effect.UNSAFE:
            step.send(True)
        return step


def awaited(pipeline: Pipeline[Any]) -> list[Any]:
    """What a pipeline waits for when each answer is "written"."""
    waited_for: list[Any] = []
    try:
        waited_for.append(next(pipeline))
        while True:
            waited_for.append(pipeline.send(True))
    except StopIteration:
        return waited_for


def end(step: Pipeline[Any]) -> list[Any]:
    """What a step waits for once its call has returned."""
    try:
        written = step.send(1)
    except StopIteration:
        return []
    with pytest.raises(StopIteration):
        step.send(True)
    return [written]


def test_every_record_of_unsafe_steps_that_ran_side_by_side_is_confirmed() -> None:
    store = Store()
    steps = [store.begun(key, Effect.UNSAFE) for key in ("a", "b")]
    announced = len(store.calls)
    assert [end(step) for step in steps] == [[], []]
    assert awaited(store.ledger.confirm()) == store.calls[announced:]


def test_a_step_waits_for_its_own_record_and_leaves_those_of_others_to_be_confirmed() -> None:
    store = Store()
    unsafe, idempotent = store.begun("a", Effect.UNSAFE), store.begun("b", Effect.IDEMPOTENT)
    assert end(unsafe) == []
    assert end(idempotent) == [store.calls[2]]
    assert awaited(store.ledger.confirm()) == [store.calls[1]]


def test_a_record_that_was_refused_ends_the_attempt() -> None:
    store = Store()
    end(store.begun("a", Effect.UNSAFE))
    confirming = store.ledger.confirm()
    next(confirming)
    with pytest.raises(FenceLost):
        confirming.send(False)


@pytest.mark.parametrize(("before", "noted"), [(True, Noted.KEPT), (False, Noted.KEPT_AND_STEERED)])
def test_messages_are_still_to_be_heard_whichever_attempt_took_them(before: bool, noted: Noted) -> None:
    ledger = Store(replace(CLAIM, steered=before)).ledger
    for answer in (noted, Noted.KEPT):
        keeping = ledger.checkpoint({})
        next(keeping)
        with pytest.raises(StopIteration):
            keeping.send(answer)
    assert ledger.steered
