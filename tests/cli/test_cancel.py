"""`backdesk cancel`: one job or several, waiting or running, and how each has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from backdesk.cli.commands import cancel
from tests.cli.conftest import Cli
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S
from tests.support.workers import Fleet


def test_a_job_that_has_not_begun_is_cancelled_at_once(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.echo", {}, delay=3600)
    answer = on_fleet("cancel", job.id, "--reason", "changed my mind", "--json")

    assert (answer.code, answer.document) == (0, {"job_id": job.id, "state": "cancelled"})
    assert on_fleet("cancel", job.id).out == f"cancelled {job.id}\n"
    error = job.get().error
    assert error is not None
    assert error.message == "changed my mind"


def test_a_running_job_is_stopped_and_waited_for(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.sleep", {"n": 60})
    fleet.wait_until_running(job.id)
    answer = on_fleet("cancel", job.id)

    assert (answer.code, answer.out) == (0, f"cancelled {job.id}\n")
    assert job.get().state == "cancelled"


def test_the_end_of_a_running_job_need_not_be_waited_for(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.sleep", {"n": 60})
    fleet.wait_until_running(job.id)
    answer = on_fleet("cancel", job.id, "--no-wait", "--json")

    assert (answer.code, answer.document) == (0, {"job_id": job.id, "state": "running"})
    assert on_fleet("watch", job.id, "--for", "10").code == 1


def test_a_job_that_does_not_stop_in_time_is_exit_code_4(
    on_fleet: Cli, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancel, "PATIENCE_S", 0.1)
    board = Board(fleet.redis, fleet.settings.model_copy(update={"lease_s": 60.0}))  # no worker takes it back meanwhile
    claim = board.start(board.submit("held-by-nobody", queue="nowhere"))
    answer = on_fleet("cancel", "held-by-nobody")
    document = on_fleet("cancel", "held-by-nobody", "--json").document
    board.succeed(claim)

    assert answer.code == 4
    assert answer.out.startswith("held-by-nobody is still running and was asked to stop")
    assert document == {"job_id": "held-by-nobody", "state": "running"}


def test_several_are_cancelled_and_what_cannot_be_holds_up_no_other(on_fleet: Cli, fleet: Fleet) -> None:
    waits, ended, runs = (fleet.jobs.submit("test.sleep", {"n": n}, delay=d) for n, d in ((1, 3600), (0, 0), (60, 0)))
    ended.result(PATIENCE_S)
    fleet.wait_until_running(runs.id)
    answer = on_fleet("cancel", waits.id, ended.id, "never-there", runs.id, "--json")
    found = {document["job_id"]: document for document in answer.documents}

    assert answer.code == 2
    assert (found[waits.id]["state"], found[runs.id]["state"]) == ("cancelled", "cancelled")
    assert found[ended.id]["error"]["code"] == "not_cancellable"
    assert found["never-there"]["error"]["code"] == "job_not_found"


def test_a_job_that_has_ended_otherwise_says_so(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.echo", {})
    job.result(PATIENCE_S)
    answer = on_fleet("cancel", job.id)

    assert answer.code == 2
    assert f"job {job.id} is succeeded; only a job that has not ended can be cancelled" in answer.err
