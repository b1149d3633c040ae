"""Jobs on real workers: an agents worker with threads, a tools worker with processes."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from backdesk.client import Job
from backdesk.worker.errors import InvalidRequest, JobFailed, TaskError
from backdesk.worker.model.job import JobState
from backdesk.worker.store.jobs import NewJob
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.kinds import ENDINGS
from tests.support.workers import Fleet, Queue

AGENTS_SLOTS = 4
TOOLS_SLOTS = 2
#: A lone surrogate is for the executor's own tests: it would end up in the log that a failure shows.
BAD_ENDS = sorted(ENDINGS.keys() - {"surrogate"})


@pytest.mark.parametrize("kind", ["test.echo", "test.echo_def", "test.tool", "test.tool_async"])
def test_a_job_runs_and_its_result_comes_back(fleet: Fleet, kind: str) -> None:
    job = fleet.jobs.submit(kind, {"text": "hi"})
    assert job.result(timeout=PATIENCE_S) == {"text": "hi"}
    assert [event.type for event in job.watch()] == ["queued", "started", "succeeded"]


def test_the_record_names_the_worker_that_ran_it(fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.tool", {})
    job.result(timeout=PATIENCE_S)
    assert job.get().worker == fleet.workers[1].name


def test_progress_is_seen_while_the_job_runs(fleet: Fleet, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    job = fleet.jobs.submit("test.wait_for_file", {"flag": str(flag)})
    for event in job.watch():
        if event.type == "progress" and not flag.exists():
            assert job.get().state is JobState.RUNNING
            flag.touch()
    assert flag.exists()


def test_tokens_are_streamed_to_those_who_watch(fleet: Fleet) -> None:
    text = "all the words of an answer "
    with fleet.jobs.watch("tokens-1") as events:
        fleet.jobs.submit("test.tokens", {"text": text.strip()}, job_id="tokens-1")
        seen = [*events]
    assert seen[-1].type == "succeeded"
    assert "".join(event.data["text"] for event in seen if event.type == "token") == text


def test_nothing_is_streamed_for_those_who_only_wait(fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.tokens", {"text": "all the words"}, delay=0.5)
    job.result(PATIENCE_S)
    assert [event.type for event in fleet.jobs.events(job.id)] == ["scheduled", "queued", "started", "succeeded"]


@pytest.mark.parametrize(
    ("queue", "kinds", "lasting"),
    [
        ("agents", ["test.end", "test.end_def"], "test.wait_for_file"),
        ("tools", ["test.end_tool"], "test.wait_for_file_tool"),
    ],
)
def test_no_bad_ending_costs_a_worker_a_slot(
    fleet_of_this_test: Fleet, tmp_path: Path, queue: Queue, kinds: list[str], lasting: str
) -> None:
    fleet, slots = fleet_of_this_test, 2
    fleet.start_worker(queue, slots=slots)
    ended = [
        fleet.jobs.submit(kind, {"text": ending}) for ending in BAD_ENDS for kind in kinds for _ in range(slots + 1)
    ]
    for job in ended:
        eventually(partial(_has_ended, job), what=f"the end of {job.get().request}")
        assert job.get().attempt == 1
    _all_slots_serve(fleet, lasting, slots, tmp_path / "go")


def _has_ended(job: Job) -> bool:
    return job.get().done


def _all_slots_serve(fleet: Fleet, kind: str, slots: int, flag: Path) -> None:
    """As many jobs as there are slots are running at the same moment."""
    jobs = [fleet.jobs.submit(kind, {"flag": str(flag)}) for _ in range(slots)]
    eventually(lambda: all(job.get().state is JobState.RUNNING for job in jobs), what="all slots at work")
    flag.touch()
    for job in jobs:
        job.result(timeout=PATIENCE_S)


def test_a_failed_job_raises_its_reason(fleet: Fleet) -> None:
    with pytest.raises(JobFailed, match="there is none left") as caught:
        fleet.jobs.submit("test.end", {"text": "task_error"}).result(timeout=PATIENCE_S)
    assert caught.value.failure.code == "no_stock"


@pytest.mark.parametrize(
    ("kind", "request_", "code"),
    [
        ("test.wrong_result", {}, "invalid_result"),
        ("test.unencodable_result", {}, "invalid_result"),
    ],
)
def test_a_result_that_cannot_be_kept_fails_the_job(
    fleet: Fleet, kind: str, request_: dict[str, object], code: str
) -> None:
    with pytest.raises(JobFailed) as caught:
        fleet.jobs.submit(kind, request_).result(timeout=PATIENCE_S)
    assert caught.value.failure.code == code


def test_a_request_in_the_store_that_does_not_fit_fails_the_job(fleet: Fleet) -> None:
    job = NewJob("bad-1", "test.echo", "acme", "agents", 5, b'{"text": 7}', "x")
    fleet.board.run(fleet.board.transitions.submit([job]))
    with pytest.raises(JobFailed) as caught:
        fleet.jobs.result("bad-1", timeout=PATIENCE_S)
    assert (caught.value.failure.code, list(caught.value.failure.fields)) == ("invalid_request", ["text"])


def test_a_request_is_checked_by_the_schema_that_the_workers_announce(fleet: Fleet) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fleet.jobs.submit("test.echo", {"surprise": 1})
    assert caught.value.field == "surprise"


def test_workers_announce_their_kinds_and_slots(fleet: Fleet) -> None:
    contracts = {contract.kind: contract for contract in fleet.jobs.kinds()}
    assert contracts["test.echo"].description == "Give back what was asked."
    assert (contracts["test.echo"].queue, contracts["test.tool"].queue) == ("agents", "tools")
    assert [worker.slots for worker in fleet.jobs.workers()] == [{"agents": AGENTS_SLOTS}, {"tools": TOOLS_SLOTS}]


def test_a_job_put_off_runs_at_its_time(fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.echo", {}, delay=0.5)
    job.result(timeout=PATIENCE_S)
    record = job.get()
    assert record.run_at is not None
    assert record.started_at is not None
    assert record.started_at >= record.run_at
    assert [event.type for event in job.watch()] == ["scheduled", "queued", "started", "succeeded"]


def test_every_log_line_of_a_job_names_it(fleet: Fleet) -> None:
    for kind, worker in (("test.end", fleet.workers[0]), ("test.end_tool", fleet.workers[1])):
        job = fleet.jobs.submit(kind, {"text": "exception"}, tenant="globex")
        with pytest.raises(JobFailed):
            job.result(timeout=PATIENCE_S)
        facts = {"job_id": job.id, "kind": kind, "tenant": "globex", "attempt": 1}
        for event in ("task_raised", "job_failed"):
            eventually(partial(worker.logged, event, **facts), what=f"the line {event} with {facts}")
        (line,) = worker.logged("task_raised", **facts)
        assert "Told: it broke" in line["exception"]


def test_a_request_is_not_in_the_log(fleet: Fleet) -> None:
    fleet.jobs.submit("test.echo", {"text": "of-the-customer"}).result(timeout=PATIENCE_S)
    fleet.jobs.submit("test.tool", {"text": "of-the-customer"}).result(timeout=PATIENCE_S)
    assert all("of-the-customer" not in worker.text for worker in fleet.workers)


def test_what_workers_log_is_json(fleet: Fleet) -> None:
    fleet.jobs.submit("test.echo", {}).result(timeout=PATIENCE_S)
    assert all(json.dumps(worker.lines) for worker in fleet.workers)
    assert fleet.workers[0].logged("job_succeeded")


def test_what_a_task_error_says_survives_pickling() -> None:
    assert TaskError("code", "message").args == ("code", "message")
