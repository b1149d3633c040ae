"""What a schedule is, and what is decided when its moment has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from backdesk.worker.errors import InvalidRequest, PayloadTooLarge
from backdesk.worker.model.contract import ModelCheck
from backdesk.worker.model.options import JobOptions
from backdesk.worker.model.recurrence import Interval, Recurrence
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.model.schedule import MOST_COUNTED, Missed, Plan, Schedule, Timing, firing_id, plan
from backdesk.worker.submit.scheduled import define, job_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE_MS = 60_000


class Report(BaseModel):
    model_config = ConfigDict(extra="forbid")

    region: str = "north"


def defined(timing: Timing | None = None, name: str = "nightly", request: object = None, **options: Any) -> Schedule:
    return define(
        name,
        "report",
        request or {},
        ModelCheck("agents", Report),
        JobOptions(**options),
        timing=timing or Timing(every=60),
        max_request_bytes=1000,
        now=NOON,
    )


# Definitions


def test_a_definition_survives_its_json() -> None:
    timing = Timing(cron="0 9 * * *", timezone="Europe/Berlin", starts=NOON, missed="skip", overlap="skip")
    options: dict[str, Any] = {"tenant": "acme", "priority": 7, "expires": 3600, "start_by": timedelta(minutes=10)}
    schedule = defined(timing, request={"region": "south"}, timeout=5, retry={"attempts": 2}, **options)
    assert Schedule.model_validate_json(schedule.encoded) == schedule
    assert (schedule.expires_s, schedule.start_by_s, schedule.timeout_s) == (3600, 600, 5)
    assert schedule.retry == RetryPolicy(attempts=2)


def test_what_is_not_said_is_not_in_the_json_so_that_later_fields_change_no_definition() -> None:
    assert defined().encoded == '{"every_s":60.0,"kind":"report","name":"nightly","request":{}}'


def test_equal_definitions_are_one_however_they_are_written() -> None:
    one = defined(Timing(every=timedelta(minutes=1)), metadata={"a": 1, "b": 2})
    other = defined(Timing(every=60.0, missed=Missed.ONCE), metadata={"b": 2, "a": 1})
    assert one.generation == other.generation
    assert defined(Timing(every=61), metadata={"a": 1, "b": 2}).generation != one.generation


def test_a_naive_bound_is_on_the_clocks_of_the_zone() -> None:
    timing = Timing(every=60, timezone="Europe/Berlin", starts=datetime(2026, 7, 1, 9))  # noqa: DTZ001 - the point of it
    assert defined(timing).starts == datetime(2026, 7, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timing", "field", "reason"),
    [
        (Timing(), "cron", "give either a cron expression or an interval"),
        (Timing(cron="@daily", every=5), "cron", "not both"),
        (Timing(cron="61 * * * *"), "cron", "its minute cannot be read"),
        (Timing(cron="@daily", timezone="Mars/Olympus"), "timezone", "is not known"),
        (Timing(every=0), "every", "between one second and ten years"),
        (Timing(every=-5), "every", "between one second and ten years"),
        (Timing(every=0.999), "every", "between one second and ten years"),
        (Timing(every=timedelta(days=4000)), "every", "between one second and ten years"),
        (Timing(every=float("nan")), "every", "must be a number of seconds"),
        (Timing(every="15m"), "every", "must be a number of seconds"),  # type: ignore[arg-type]  # the mistake that is tested
        (Timing(every=60, missed="twice"), "missed", "must be one of once, skip"),
        (Timing(every=60, overlap="queue"), "overlap", "must be one of allow, skip"),
        (Timing(every=60, starts=NOON, ends=NOON - timedelta(1)), "ends", "lies before its start"),
        (Timing(every=60, ends=datetime(9999, 12, 31, tzinfo=timezone(timedelta(hours=-5)))), "ends", "must lie betwe"),
        (Timing(every=60, starts="tomorrow"), "starts", "must be a datetime"),  # type: ignore[arg-type]  # as above
    ],
)
def test_a_wrong_time_is_refused_with_its_field(timing: Timing, field: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        defined(timing)
    assert (caught.value.field, reason in caught.value.reason) == (field, True)


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"name": "two words"}, "name", "must be 1 to 128 letters"),
        ({"name": None}, "name", "must be 1 to 128 letters"),
        ({"request": {"region": 5}}, "region", "valid string"),
        ({"request": {"area": "x"}}, "area", "not permitted"),
        ({"tenant": "a b"}, "tenant", "must be 1 to 128 letters"),
        ({"priority": 10}, "priority", "from 0 to 9"),
        ({"timeout": 0}, "timeout", "more than nothing"),
        ({"retry": {"attempts": 0}}, "retry.attempts", "greater than or equal to 1"),
        ({"expires": NOON}, "expires", "a length of time, which counts from each firing"),
        ({"start_by": NOON}, "start_by", "a length of time, which counts from each firing"),
        ({"expires": -1}, "expires", "between 0 seconds"),
        ({"delay": 5}, "delay", "a schedule has none"),
        ({"idempotency_key": "k"}, "idempotency_key", "a schedule has none"),
        ({"conversation_id": "c"}, "conversation_id", "a schedule has none"),
        ({"when_busy": "reject"}, "when_busy", "a schedule has none"),
        ({"metadata": {"schedule": "mine"}}, "metadata", "where it comes from"),
        ({"metadata": [1]}, "metadata", "must be an object, not list"),
    ],
)
def test_a_job_that_would_be_refused_is_refused_now(changes: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        defined(**changes)
    assert (caught.value.field, reason in caught.value.reason) == (field, True)


def test_a_request_that_is_too_large_is_refused_now() -> None:
    with pytest.raises(PayloadTooLarge):
        defined(request={"region": "x" * 1000})


# Jobs


def test_a_job_says_where_it_comes_from_and_its_limits_count_from_its_firing() -> None:
    schedule = defined(metadata={"team": "x"}, expires=60, start_by=30, timeout=5, tenant="acme", priority=7)
    job = job_of(schedule, ModelCheck("agents", Report), "j", NOON, max_request_bytes=1000, now=NOON)
    assert job.metadata == b'{"team":"x","schedule":{"name":"nightly","planned_at":"2026-03-01T12:00:00.000+00:00"}}'
    assert (job.expires_at_ms, job.start_by_ms, job.timeout_ms) == ("+60000", "+30000", 5000)
    assert (job.tenant, job.priority, job.kind, job.request) == ("acme", 7, "report", b'{"region":"north"}')


def test_a_job_out_of_turn_was_planned_for_no_moment() -> None:
    job = job_of(defined(), ModelCheck("agents", Report), "j", None, max_request_bytes=1000)
    assert job.metadata == b'{"schedule":{"name":"nightly","planned_at":null}}'


def test_the_job_of_a_moment_has_one_id() -> None:
    ids = {firing_id(name, generation, at) for name in "ab" for generation in "cd" for at in (1, 2)}
    assert len(ids) == 8
    assert firing_id("a", "c", 1) in ids


# What is to be done when a moment has come

EVERY_MINUTE = Recurrence(Interval(MINUTE_MS, 0))


def test_a_moment_that_has_just_come_is_fired() -> None:
    for missed in Missed:
        assert plan(EVERY_MINUTE, MINUTE_MS, MINUTE_MS + 900, missed) == Plan(MINUTE_MS, 0, 2 * MINUTE_MS)


def test_of_several_moments_the_latest_is_fired_and_the_others_are_left_out() -> None:
    late = plan(EVERY_MINUTE, MINUTE_MS, 5 * MINUTE_MS + 1, Missed.ONCE)
    assert late == Plan(5 * MINUTE_MS, 4, 6 * MINUTE_MS)
    assert plan(EVERY_MINUTE, MINUTE_MS, 5 * MINUTE_MS + 1, Missed.SKIP) == late


def test_what_is_more_than_a_minute_late_is_fired_once_or_skipped() -> None:
    hourly = Recurrence(Interval(60 * MINUTE_MS, 0))
    now_ms = 3 * 60 * MINUTE_MS + 90_000
    assert plan(hourly, 60 * MINUTE_MS, now_ms, Missed.ONCE) == Plan(180 * MINUTE_MS, 2, 240 * MINUTE_MS)
    assert plan(hourly, 60 * MINUTE_MS, now_ms, Missed.SKIP) == Plan(None, 3, 240 * MINUTE_MS)
    assert plan(hourly, 60 * MINUTE_MS, now_ms - 30_000, Missed.SKIP) == Plan(180 * MINUTE_MS, 2, 240 * MINUTE_MS)


def test_the_last_moment_has_no_next() -> None:
    ending = Recurrence(Interval(MINUTE_MS, 0), ends_ms=2 * MINUTE_MS)
    assert plan(ending, MINUTE_MS, 9 * MINUTE_MS, Missed.ONCE) == Plan(2 * MINUTE_MS, 1, None)


def test_a_long_outage_is_not_counted_to_the_end() -> None:
    assert plan(EVERY_MINUTE, MINUTE_MS, 10_000_000 * MINUTE_MS, Missed.ONCE).passed == MOST_COUNTED
