"""Workers whose jobs take several slots: never more than there are, and none waits for ever behind smaller ones."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from backdesk.cli import main
from backdesk.client import JobState
from backdesk.worker.celery.gathering import KEPT, Gathering
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.workers import Fleet, Queue, Worker

MODULES = "tests.support.kinds,tests.support.slots"
SLOTS = {"slots.two": 2, "slots.three": 3, "slots.tool": 2}


@pytest.fixture
def fleet(fleet_of_this_test: Fleet) -> Fleet:
    return fleet_of_this_test


def worker_of(fleet: Fleet, slots: int, queue: Queue = "agents") -> Worker:
    return fleet.start_worker(queue, slots=slots, BACKDESK_TASK_MODULES=MODULES)


def most_taken(fleet: Fleet, ids: Sequence[str]) -> int:
    """The slots that these jobs have taken at one moment, at most."""
    changes = []
    for job_id in ids:
        record = fleet.jobs.wait(job_id, PATIENCE_S)
        slots = record.slots or SLOTS.get(record.kind, 1)
        changes += [(record.started_at, slots), (record.finished_at, -slots)]
    taken = [0]
    for _, change in sorted(changes, key=lambda each: (each[0], each[1])):
        taken.append(taken[-1] + change)
    return max(taken)


def in_hand(fleet: Fleet) -> list[str]:
    return [job_id for worker in fleet.jobs.workers() for job_id in worker.gathering]


def gathers(fleet: Fleet, flag: Path) -> tuple[str, str]:
    """A job that holds a slot until the file is there, and one for which the worker gathers two."""
    small = fleet.jobs.submit("test.wait_for_file", {"flag": str(flag)}).id
    fleet.wait_until_running(small)
    large = fleet.jobs.submit("slots.two", {"n": 0}).id
    eventually(lambda: in_hand(fleet) == [large], what="the larger job in hand")
    return small, large


@pytest.mark.parametrize(
    ("chance", "alone", "passed_on"), [(KEPT, False, True), (KEPT / 2, False, False), (KEPT, True, False)]
)
def test_a_delivery_without_room_goes_round_by_chance_while_another_worker_may_have_it(
    chance: float, alone: bool, passed_on: bool
) -> None:
    gathering = Gathering({}, lambda: chance)
    gathering.alone = alone
    assert gathering.passes_on() is passed_on


def test_coroutines_take_no_more_slots_than_there_are(fleet: Fleet) -> None:
    worker_of(fleet, 4)
    ids = [
        fleet.jobs.submit(kind, {"n": 0.2}).id for kind in ["slots.three", "test.sleep", "slots.two", "test.sleep"] * 4
    ]
    assert 3 <= most_taken(fleet, ids) <= 4


def test_jobs_in_processes_of_their_own_take_no_more_slots_than_there_are(fleet: Fleet) -> None:
    worker_of(fleet, 3, "tools")
    ids = [fleet.jobs.submit(kind, {"n": 0.2}).id for kind in ["slots.tool", "test.sleep_tool"] * 5]
    assert 2 <= most_taken(fleet, ids) <= 3


def test_smaller_jobs_that_come_later_do_not_overtake_a_larger_one(fleet: Fleet, tmp_path: Path) -> None:
    worker_of(fleet, 2)
    small, large = gathers(fleet, tmp_path / "go")
    later = [job.id for job in fleet.jobs.submit_many("test.echo", [{"text": str(n)} for n in range(10)])]
    assert in_hand(fleet) == [large]
    (tmp_path / "go").touch()
    began = fleet.jobs.wait(large, PATIENCE_S).started_at
    assert began is not None
    assert all((fleet.jobs.wait(job_id, PATIENCE_S).started_at or began) >= began for job_id in later)
    assert fleet.jobs.wait(small, PATIENCE_S).attempt == 1


def test_several_in_hand_begin_one_after_the_other(fleet: Fleet, tmp_path: Path) -> None:
    worker_of(fleet, 3)
    small = fleet.jobs.submit("test.wait_for_file", {"flag": str(tmp_path / "go")}).id
    fleet.wait_until_running(small)
    large = [job.id for job in fleet.jobs.submit_many("slots.three", [{"n": 0.1}] * 2)]
    eventually(lambda: sorted(in_hand(fleet)) == sorted(large), what="both in hand")
    (tmp_path / "go").touch()
    assert most_taken(fleet, [small, *large]) == 3


def test_a_job_in_hand_goes_to_another_worker_when_its_own_ends(fleet: Fleet, tmp_path: Path) -> None:
    first = worker_of(fleet, 2)
    _, large = gathers(fleet, tmp_path / "go")
    second = worker_of(fleet, 2)
    first.signal(signal.SIGTERM)
    assert fleet.jobs.wait(large, PATIENCE_S).worker == second.name
    (tmp_path / "go").touch()
    assert first.wait() == 0


def test_a_job_that_no_worker_is_large_enough_for_waits_for_one_that_is(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worker_of(fleet, 2)
    job_id = fleet.jobs.submit("slots.three", {"n": 0}).id
    eventually(lambda: fleet.jobs.overview().unserved, what="the job to stand aside")
    assert fleet.jobs.get(job_id).unserved == "slots"
    monkeypatch.setenv("BACKDESK_REDIS_URL", fleet.url)
    main(("doctor",))
    told = " ".join(capsys.readouterr().out.split())
    assert "1 queued of slots.three: no live worker has as many slots as this kind takes" in told
    larger = worker_of(fleet, 3)
    assert fleet.jobs.wait(job_id, PATIENCE_S).worker == larger.name


@pytest.mark.parametrize("queue", ["agents", "tools"])
def test_jobs_of_which_it_is_said_take_no_more_slots_than_there_are(fleet: Fleet, queue: Queue) -> None:
    worker_of(fleet, 3, queue)
    kind = {"agents": "test.sleep", "tools": "test.sleep_tool"}[queue]
    ids = [fleet.jobs.submit(kind, {"n": 0.2}, slots=slots).id for slots in [2, 1, 3, None] * 3]
    assert 2 <= most_taken(fleet, ids) <= 3


def test_it_may_be_said_of_a_single_job_that_it_takes_less_than_others_of_its_kind(fleet: Fleet) -> None:
    worker_of(fleet, 2)
    job_id = fleet.jobs.submit("slots.three", {"n": 0}, slots=2).id
    assert fleet.jobs.wait(job_id, PATIENCE_S).state is JobState.SUCCEEDED


def test_a_large_job_begins_while_small_ones_come_all_the_time(fleet: Fleet) -> None:
    for _ in range(2):
        worker_of(fleet, 2)
    fleet.jobs.submit_many("test.sleep", [{"n": 0.1}] * 300, tenant="stream")
    eventually(lambda: fleet.jobs.system().running >= 3, what="both workers to be busy")
    large = fleet.jobs.submit("test.sleep", {"n": 0}, slots=2, tenant="wide").id
    began = fleet.jobs.wait(large, 120).started_at
    small = fleet.jobs.list(tenant="stream", state=JobState.QUEUED, limit=1)
    assert small, f"all of the stream began before it, which did so at {began}"


def test_a_worker_lets_go_of_one_in_hand_that_is_cancelled(fleet: Fleet, tmp_path: Path) -> None:
    worker_of(fleet, 2)
    small, large = gathers(fleet, tmp_path / "go")
    later = fleet.jobs.submit("test.echo", {"text": "later"}).id
    fleet.jobs.cancel(large)
    assert fleet.jobs.wait(later, PATIENCE_S).state is JobState.SUCCEEDED
    assert not fleet.jobs.get(small).done
    (tmp_path / "go").touch()
    fleet.jobs.wait(small, PATIENCE_S)


def test_one_that_asks_for_more_slots_than_any_worker_has_says_so(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worker_of(fleet, 2)
    job_id = fleet.jobs.submit("test.sleep", {"n": 0}, slots=3).id
    monkeypatch.setenv("BACKDESK_REDIS_URL", fleet.url)
    eventually(lambda: fleet.jobs.get(job_id).stranded == "test.sleep*3", what="the job to stand aside")
    main(("show", job_id))
    told = " ".join(capsys.readouterr().out.split())
    assert "takes 3 slots" in told
    assert "no live worker has the 3 slots that are asked for" in told
    larger = worker_of(fleet, 3)
    assert fleet.jobs.wait(job_id, PATIENCE_S).worker == larger.name
