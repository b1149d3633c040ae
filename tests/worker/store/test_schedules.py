"""Schedules in the store: kept, read when they are due, fired for a moment, paused, replaced, removed."""

from __future__ import annotations

import pytest
import redis

from backdesk.worker.model.schedule import FiringError, Overlap, Plan
from backdesk.worker.store.jobs import NewJob
from backdesk.worker.store.moments import moment
from backdesk.worker.store.schedules import FireCode, RipeSchedule, ScheduleCode
from tests.support.board import NOON_MS, Board, Clock
from tests.support.schedules import Shelf, schedule

MINUTE_MS = 60_000
FIRST_MS = NOON_MS + MINUTE_MS
SECOND_MS = FIRST_MS + MINUTE_MS


@pytest.fixture
def shelf(board: Board, clock: Clock) -> Shelf:
    return Shelf(board, clock)


@pytest.fixture
def ripe(shelf: Shelf) -> RipeSchedule:
    """A schedule whose first moment has just come."""
    shelf.keep()
    shelf.clock.advance(60)
    (found,) = shelf.ripe()
    return found


def job(shelf: Shelf, job_id: str = "j-1") -> NewJob:
    label = b'{"schedule":{"name":"tick","planned_at":"2026-03-01T12:01:00.000+00:00"}}'
    return shelf.board.job(job_id, metadata=label)


def fire(
    shelf: Shelf,
    ripe: RipeSchedule,
    new: NewJob | None,
    plan: Plan | None = None,
    *,
    overlap: Overlap = Overlap.ALLOW,
    error: FiringError | None = None,
) -> tuple[FireCode, str]:
    plan = plan or Plan(ripe.planned_ms, 0, ripe.planned_ms + MINUTE_MS)
    return shelf.board.run(shelf.calls.fire(ripe, plan, overlap, new, error))


# Keeping


def test_a_schedule_is_kept_and_planned(shelf: Shelf) -> None:
    assert shelf.keep() is ScheduleCode.ADDED
    record = shelf.record()
    assert (record.created_at, record.next_at, record.fired) == (moment(NOON_MS), moment(FIRST_MS), 0)
    assert record.request == {"text": "hello"}


def test_the_same_definition_again_changes_nothing(shelf: Shelf) -> None:
    shelf.keep()
    before = shelf.record()
    shelf.clock.advance(30)
    assert shelf.keep() is ScheduleCode.UNCHANGED
    assert shelf.keep(paused=True, replace=True) is ScheduleCode.UNCHANGED
    assert shelf.record() == before


def test_another_definition_is_refused_unless_it_is_to_replace_the_first(shelf: Shelf) -> None:
    shelf.keep()
    other = schedule(every_s=3600)
    assert shelf.keep(other) is ScheduleCode.CONFLICT
    assert shelf.record().every_s == 60
    assert shelf.keep(other, replace=True) is ScheduleCode.REPLACED
    assert (shelf.record().every_s, shelf.record().next_at) == (3600, moment(NOON_MS + 60 * MINUTE_MS))


def test_what_is_replaced_keeps_its_counts_and_its_pause_and_loses_its_error(shelf: Shelf, ripe: RipeSchedule) -> None:
    fire(shelf, ripe, job(shelf), Plan(FIRST_MS, 3, SECOND_MS))
    shelf.clock.advance(60)
    error = FiringError(message="no", planned_at=moment(SECOND_MS), at=moment(SECOND_MS))
    assert fire(shelf, shelf.ripe()[0], None, error=error)[0] is FireCode.NOTED
    assert shelf.record().error == error
    shelf.pause()
    shelf.keep(schedule(every_s=3600), replace=True)
    record = shelf.record()
    assert (record.paused, record.fired, record.misfires, record.failed, record.error) == (True, 1, 3, 1, None)
    shelf.clock.advance(3600)
    assert shelf.ripe() == []


def test_a_schedule_that_has_ended_is_kept_and_never_due(shelf: Shelf) -> None:
    shelf.keep(schedule(ends=moment(NOON_MS - 1)))
    shelf.clock.advance(3600)
    assert (shelf.record().next_at, shelf.ripe()) == (None, [])


def test_removing_leaves_the_jobs_and_nothing_else(shelf: Shelf, ripe: RipeSchedule, client: redis.Redis) -> None:
    fire(shelf, ripe, job(shelf))
    assert shelf.remove()
    assert not shelf.remove()
    assert shelf.find() is None
    assert list(client.scan_iter("backdesk:schedule*")) == []
    assert shelf.board.state("j-1") == "queued"


# Due


def test_a_schedule_is_ripe_from_its_moment_on(shelf: Shelf) -> None:
    shelf.keep()
    shelf.clock.advance(59.999)
    assert shelf.ripe() == []
    shelf.clock.advance(0.001)
    (found,) = shelf.ripe()
    assert (found.name, found.anchor_ms, found.planned_ms) == ("tick", NOON_MS, FIRST_MS)


def test_the_longest_overdue_come_first_and_no_more_than_asked_for(shelf: Shelf) -> None:
    for name, seconds in (("late", 30), ("later", 60), ("latest", 90)):
        shelf.keep(schedule(name, every_s=seconds))
    shelf.clock.advance(100)
    assert [each.name for each in shelf.ripe(2)] == ["late", "later"]


# Firing


def test_firing_writes_the_job_and_plans_the_next_moment(shelf: Shelf, ripe: RipeSchedule) -> None:
    assert fire(shelf, ripe, job(shelf)) == (FireCode.FIRED, "j-1")
    assert shelf.board.delivered() == ["j-1"]
    record = shelf.record()
    assert (record.fired, record.last_job, record.last_state) == (1, "j-1", "queued")
    assert (record.last_planned_at, record.next_at) == (moment(FIRST_MS), moment(SECOND_MS))
    assert shelf.ripe() == []


def test_firing_again_for_want_of_the_answer_changes_nothing(shelf: Shelf, ripe: RipeSchedule) -> None:
    fire(shelf, ripe, job(shelf))
    before = shelf.record()
    assert fire(shelf, ripe, job(shelf)) == (FireCode.CHANGED, "")
    assert shelf.record() == before
    assert shelf.board.event_types("j-1") == ["queued"]


def test_a_job_that_is_there_already_is_not_made_again(shelf: Shelf, ripe: RipeSchedule) -> None:
    shelf.board.run(shelf.board.transitions.submit([job(shelf)]))
    assert fire(shelf, ripe, job(shelf)) == (FireCode.FOUND, "j-1")
    assert (shelf.record().fired, shelf.record().next_at) == (0, moment(SECOND_MS))
    assert shelf.board.event_types("j-1") == ["queued"]


def test_what_is_paused_removed_or_replaced_between_reading_and_firing_does_not_fire(
    shelf: Shelf, ripe: RipeSchedule
) -> None:
    shelf.pause()
    assert fire(shelf, ripe, job(shelf))[0] is FireCode.CHANGED
    shelf.resume()
    shelf.keep(schedule(request={"text": "other"}), replace=True)
    assert fire(shelf, ripe, job(shelf))[0] is FireCode.CHANGED
    shelf.remove()
    assert fire(shelf, ripe, job(shelf))[0] is FireCode.CHANGED
    assert shelf.board.find("j-1") is None


def test_what_is_missed_is_counted_without_a_job(shelf: Shelf, ripe: RipeSchedule) -> None:
    assert fire(shelf, ripe, None, Plan(None, 5, SECOND_MS)) == (FireCode.NOTED, "")
    record = shelf.record()
    assert (record.misfires, record.fired, record.last_job, record.next_at) == (5, 0, None, moment(SECOND_MS))


def test_an_error_is_noted_and_forgotten_when_a_firing_goes_well(shelf: Shelf, ripe: RipeSchedule) -> None:
    error = FiringError(
        message="text: is gone", fields={"text": "is gone"}, planned_at=moment(FIRST_MS), at=moment(FIRST_MS)
    )
    assert fire(shelf, ripe, None, error=error) == (FireCode.NOTED, "")
    assert (shelf.record().error, shelf.record().failed) == (error, 1)
    shelf.clock.advance(60)
    fire(shelf, shelf.ripe()[0], job(shelf))
    assert (shelf.record().error, shelf.record().failed, shelf.record().fired) == (None, 1, 1)


def test_what_nobody_here_understands_is_looked_at_again_in_a_minute(shelf: Shelf, ripe: RipeSchedule) -> None:
    error = FiringError(message="what?", planned_at=moment(FIRST_MS), at=moment(FIRST_MS))
    fire(shelf, ripe, None, Plan(None, 0, ripe.planned_ms), error=error)
    shelf.clock.advance(59)
    assert shelf.ripe() == []
    shelf.clock.advance(1)
    assert [each.planned_ms for each in shelf.ripe()] == [FIRST_MS]


def test_the_last_firing_is_followed_by_none(shelf: Shelf, ripe: RipeSchedule) -> None:
    fire(shelf, ripe, job(shelf), Plan(FIRST_MS, 0, None))
    shelf.clock.advance(3600)
    assert (shelf.record().next_at, shelf.ripe(), shelf.record().fired) == (None, [], 1)


# Overlap


def test_a_moment_is_left_out_while_the_last_job_goes_on_if_that_is_asked_for(shelf: Shelf, ripe: RipeSchedule) -> None:
    fire(shelf, ripe, job(shelf), overlap=Overlap.SKIP)
    claim = shelf.board.start("j-1")
    shelf.clock.advance(60)
    assert fire(shelf, shelf.ripe()[0], job(shelf, "j-2"), overlap=Overlap.SKIP) == (FireCode.SKIPPED, "j-1")
    assert (shelf.record().skipped, shelf.board.find("j-2")) == (1, None)
    shelf.board.succeed(claim)
    shelf.clock.advance(60)
    assert fire(shelf, shelf.ripe()[0], job(shelf, "j-3"), overlap=Overlap.SKIP) == (FireCode.FIRED, "j-3")


def test_else_the_next_job_is_made_beside_it(shelf: Shelf, ripe: RipeSchedule) -> None:
    fire(shelf, ripe, job(shelf))
    shelf.board.start("j-1")
    shelf.clock.advance(60)
    assert fire(shelf, shelf.ripe()[0], job(shelf, "j-2")) == (FireCode.FIRED, "j-2")


def test_a_last_job_that_is_forgotten_stands_in_no_ones_way(shelf: Shelf, ripe: RipeSchedule) -> None:
    fire(shelf, ripe, job(shelf))
    shelf.board.succeed(shelf.board.start("j-1"))
    shelf.clock.advance(shelf.board.settings.retention_s + 1)
    shelf.board.run(shelf.board.transitions.prune())
    assert fire(shelf, shelf.ripe()[0], job(shelf, "j-2"), overlap=Overlap.SKIP)[0] is FireCode.FIRED


# Pausing


def test_a_paused_schedule_is_not_due_and_a_resumed_one_is_where_it_was(shelf: Shelf) -> None:
    shelf.keep()
    assert shelf.pause()
    assert shelf.pause()
    shelf.clock.advance(600)
    assert (shelf.ripe(), shelf.record().paused) == ([], True)
    assert shelf.resume()
    assert shelf.resume()
    assert ([each.planned_ms for each in shelf.ripe()], shelf.record().paused) == ([FIRST_MS], False)


def test_a_schedule_can_begin_paused(shelf: Shelf) -> None:
    shelf.keep(paused=True)
    shelf.clock.advance(600)
    assert (shelf.ripe(), shelf.record().paused) == ([], True)


def test_nobody_resumes_what_has_changed_since_it_was_read(shelf: Shelf) -> None:
    shelf.keep(paused=True)
    generation = schedule().generation
    assert not shelf.board.run(shelf.calls.resume("tick", generation, SECOND_MS, SECOND_MS + 1))
    assert not shelf.board.run(shelf.calls.resume("tick", "other", FIRST_MS, FIRST_MS))
    assert shelf.record().paused


def test_there_is_nothing_to_pause_or_resume_without_a_schedule(shelf: Shelf, client: redis.Redis) -> None:
    assert not shelf.pause()
    assert not shelf.resume()
    assert client.keys("*schedule*") == []
