"""`backdesk forget`: a job that has ended is gone, one that goes on is not."""

from __future__ import annotations

from tests.cli.conftest import Cli
from tests.support.eventually import PATIENCE_S
from tests.support.workers import Fleet


def test_a_job_that_has_ended_is_forgotten_once(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.echo", {"text": "hello"})
    job.result(PATIENCE_S)
    answer = on_fleet("forget", job.id, "--json")
    assert (answer.code, answer.document) == (0, {"job_id": job.id})
    assert "job_not_found" in on_fleet("forget", job.id, "--json").out


def test_a_job_that_goes_on_is_refused(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.echo", {"text": "hello"}, delay=3600)
    answer = on_fleet("forget", job.id)
    assert answer.code == 2
    assert "only a job that has ended can be forgotten" in answer.err
