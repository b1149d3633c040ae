"""Limits, shares and conversations on real workers: what the store promises arrives."""

from __future__ import annotations

from itertools import pairwise

import pytest

from backdesk.worker.errors import ConversationBusy
from backdesk.worker.model.job import JobState
from tests.support.eventually import PATIENCE_S
from tests.support.workers import Fleet


def test_a_rate_spaces_the_beginnings_of_jobs_on_real_workers(fleet: Fleet) -> None:
    fleet.jobs.tenants.set("paced", rate="5/s")
    try:
        jobs = [fleet.jobs.submit("test.echo", {"text": "x"}, tenant="paced") for _ in range(12)]
        for job in jobs:
            job.result(timeout=PATIENCE_S)
        began = sorted(event.at.timestamp() for job in jobs for event in job.watch() if event.type == "started")
        # Besides what a rate makes up for of its own lateness.
        assert began[-1] - began[0] >= 11 / 5 - 2 * 0.15 - 0.05
        assert began[-1] - began[0] <= 11 / 5 + 10
        assert {job.get().attempt for job in jobs} == {1}
    finally:
        fleet.jobs.tenants.remove("paced")


def test_a_cap_is_kept_on_real_workers(fleet: Fleet) -> None:
    fleet.jobs.tenants.set("capped", max_running=1)
    try:
        jobs = [fleet.jobs.submit("test.sleep", {"n": 0.2}, tenant="capped") for _ in range(4)]
        for job in jobs:
            job.result(timeout=PATIENCE_S)
        spans = sorted(
            (event.at, ended.at) for job in jobs for event, ended in pairwise(job.watch()) if event.type == "started"
        )
        assert len(spans) == 4
        assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
    finally:
        fleet.jobs.tenants.remove("capped")


def test_messages_of_a_conversation_are_worked_off_in_order_on_real_workers(fleet: Fleet) -> None:
    jobs = [fleet.jobs.submit("test.sleep", {"n": 0.1}, conversation_id="talk") for _ in range(4)]
    with pytest.raises(ConversationBusy, match="talk"):
        fleet.jobs.submit("test.sleep", {"n": 0}, conversation_id="talk", when_busy="reject")
    for job in jobs:
        job.result(timeout=PATIENCE_S)
    spans = [(record.started_at, record.finished_at) for record in (job.get() for job in jobs)]
    assert all(end and begin and end <= begin for (_, end), (begin, _) in pairwise(spans))
    assert {job.get().state for job in jobs} == {JobState.SUCCEEDED}
