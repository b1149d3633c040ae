"""How long a job waits for a service that is down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backdesk.worker.attempt.outage import ENTRY, Outage
from backdesk.worker.errors import Limited
from backdesk.worker.model.service import Why
from tests.support.recording import claim_of

DOWN = Limited(2.0, "openai/m: fails", resource="openai/m", why=Why.BREAKER)


def left_s(attempt: int, now: float, before: bytes | None = None, patience_s: float | None = 90.0) -> float | None:
    claim = replace(claim_of("job-1"), attempt=attempt, ledger={ENTRY: before} if before else {})
    return Outage(claim, patience_s, lambda: now).left_s(DOWN)


def kept(attempt: int, now: float, before: bytes | None = None) -> bytes:
    claim = replace(claim_of("job-1"), attempt=attempt, ledger={ENTRY: before} if before else {})
    return Outage(claim, 90.0, lambda: now).entry()


def test_attempts_that_follow_each_other_are_one_wait() -> None:
    first = kept(1, 1000.0)
    second = kept(2, 1030.0, first)
    assert (left_s(1, 1000.0), left_s(2, 1030.0, first), left_s(3, 1100.0, second)) == (90.0, 60.0, -10.0)


def test_an_attempt_between_that_ended_otherwise_begins_another_wait() -> None:
    assert left_s(3, 5000.0, kept(1, 1000.0)) == 90.0


def test_a_clock_that_is_behind_does_not_lengthen_the_wait() -> None:
    assert left_s(2, 990.0, kept(1, 1000.0)) == 90.0


@pytest.mark.parametrize("why", [Why.RATE, Why.CONCURRENCY, Why.HOLD])
def test_other_limits_are_waited_for(why: Why) -> None:
    assert Outage(claim_of("job-1"), 0.0).left_s(Limited(1.0, "full", why=why)) is None


def test_without_patience_a_job_waits_for_as_long_as_it_takes() -> None:
    assert left_s(2, 9e9, kept(1, 1000.0), patience_s=None) is None
