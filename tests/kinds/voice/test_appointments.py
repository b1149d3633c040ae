"""Appointments on the desk, without any model. Now is Tuesday, March 24, 2026, 10:20 in Berlin and Paris."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.proposals.permission import CHANGED, run_on
from backdesk.agents.proposals.terms import Terms
from backdesk.kinds.voice.contract import PHRASES, AppointmentChanged
from backdesk.kinds.voice.kind import VoiceContext
from backdesk.kinds.voice.slots import in_utc, times_from
from backdesk.kinds.voice.spoken_time import say
from backdesk.kinds.voice.tables import Appointment, TakenSlot
from backdesk.kinds.voice.tools.appointments import (
    AppointmentFound,
    AppointmentReceipt,
    AppointmentsFound,
    appointments_changed,
    book_appointment,
    booking_terms,
    cancel_appointment,
    cancellation_terms,
    carry_out,
    list_appointments,
    move_appointment,
    move_terms,
)
from backdesk.kinds.voice.tools.plans import Booking
from backdesk.kinds.voice.tools.times import FreeTimes, TimeUnderstood, find_free_times, resolve_time
from backdesk.platform.database import Database
from backdesk.platform.settings import load_settings
from backdesk.quality import Draft
from backdesk.quality.facts import carries
from backdesk.quality.speech import SPEECH
from tests.kinds.voice.callers import empty_calendar
from tests.support.races import race

NOW = datetime(2026, 3, 24, 9, 20, tzinfo=UTC)
NONE_OF_THEIRS = ("have no appointment.", "have no such appointment.", "customers whom we know.")
THREE_PM = datetime(2026, 3, 25, 14, tzinfo=UTC)


@pytest.fixture
def calendar(shop: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(Database, "now", lambda _: NOW)
    empty_calendar(shop)
    return shop


def in_call(
    shop: Database, job: str = "job-1", customer: str | None = "cust-1", *, tenant: str = "default", **known: Any
) -> Desk[VoiceContext]:
    context, key = VoiceContext(**known), f"{job}:{{}}".format
    return Desk(shop, tenant, customer, key, load_settings(), conversation_id="call", context=context)


async def booked(desk: Desk[VoiceContext], when: str = "tomorrow at 3 pm", **more: Any) -> AppointmentReceipt:
    outcome = await book_appointment(desk, when, "a lamp", **more)
    assert isinstance(outcome, AppointmentReceipt), outcome
    return outcome


async def appointments(desk: Desk[VoiceContext]) -> list[AppointmentFound]:
    outcome = await list_appointments(desk)
    assert isinstance(outcome, AppointmentsFound), outcome
    return outcome.appointments


def receipt(outcome: ToolOutcome) -> AppointmentReceipt:
    assert isinstance(outcome, AppointmentReceipt), outcome
    return outcome


def terms(found: Terms | Refusal | None) -> Terms:
    assert isinstance(found, Terms), found
    return found


def refused(outcome: ToolOutcome | Terms | None) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.refused


def taken(shop: Database) -> list[tuple[str, datetime]]:
    with shop.of_all_tenants().read() as session:
        rows = session.scalars(select(TakenSlot).filter_by(tenant="default").order_by(TakenSlot.starts_at)).all()
        return [(row.advisor, in_utc(row.starts_at)) for row in rows]


# --- times ---


async def test_a_time_is_that_of_the_request_s_zone_else_of_the_customer_s_else_of_the_business(
    calendar: Database,
) -> None:
    desks = [
        in_call(calendar, customer="cust-7", time_zone="Africa/Lagos"),
        in_call(calendar, customer="cust-7"),
        in_call(calendar, customer=None),
    ]
    found = [await resolve_time(desk, "tomorrow at 3 pm") for desk in desks]
    assert [(each.starts_at.hour, each.time_zone) for each in found if isinstance(each, TimeUnderstood)] == [
        (15, "Africa/Lagos"),
        (15, "America/Los_Angeles"),
        (15, "Europe/Berlin"),
    ]
    assert {each.spoken for each in found if isinstance(each, TimeUnderstood)} == {"Wednesday, March 25, at 3 PM"}


async def test_what_is_not_clear_is_refused_with_the_question_to_ask(calendar: Database) -> None:
    assert refused(await resolve_time(in_call(calendar), "tomorrow")) == "At what time of day, like 3 PM?"


async def test_what_tools_tell_of_a_time_is_by_the_clocks_of_the_caller_and_what_is_kept_in_utc(
    calendar: Database,
) -> None:
    desk = in_call(calendar, time_zone="America/Los_Angeles")
    done = await booked(desk, "tomorrow at 7 am")
    told = [
        await resolve_time(desk, "tomorrow at 7 am"),
        await find_free_times(desk, "tomorrow at 7 am"),
        await list_appointments(desk),
        done,
        terms(await cancellation_terms(desk)),
    ]
    for each in told:
        text = str(each.facts) if isinstance(each, Terms) else each.model_dump_json()
        assert "2026-03-25T07:00:00-07:00" in text or "2026-03-25T07:30:00-07:00" in text, text
        assert carries(text, [date(2026, 3, 25)])
        assert not carries(text, [time(14)])
        assert "Z" not in text
    assert done.action().model_dump(mode="json")["starts_at"] == "2026-03-25T14:00:00Z"
    assert taken(calendar) == [("Nora", THREE_PM)]


async def test_free_times_are_inside_business_hours_and_not_taken(calendar: Database) -> None:
    for advisor in ("Nora", "Omar"):
        await booked(in_call(calendar, advisor), "tomorrow at 9 am", advisor=advisor)
    found = await find_free_times(in_call(calendar), "tomorrow")
    assert isinstance(found, FreeTimes)
    assert [each.spoken.removeprefix("Wednesday, March 25, at ") for each in found.times] == [
        "9:30 AM",
        "10 AM",
        "10:30 AM",
    ]
    assert found.times[0].advisors == ["Nora", "Omar"]


async def test_after_the_last_hour_comes_the_next_working_day(calendar: Database) -> None:
    found = await find_free_times(in_call(calendar), "Friday at 5:30 pm", minutes=60)
    assert isinstance(found, FreeTimes)
    assert found.times[0].spoken == "Monday, March 30, at 9 AM"


def test_slots_follow_the_clocks_of_the_business_over_their_change() -> None:
    hours = load_settings().business_hours
    times = times_from(hours, datetime(2026, 3, 27, 16, 30, tzinfo=UTC), 30, NOW)
    assert [f"{next(times):%d %H:%M}" for _ in range(2)] == ["27 16:30", "30 07:00"]


# --- what the caller would agree to ---


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("tomorrow at 8 pm", "business hours"),
        ("tomorrow at 5:45 pm", "business hours"),
        ("Sunday at noon", "business hours"),
        ("tomorrow at 3:10 pm", "on the hour or half past"),
        ("tomorrow", "At what time"),
    ],
)
async def test_a_time_at_which_there_can_be_none_is_refused_with_others_instead(
    calendar: Database, when: str, why: str
) -> None:
    reason = refused(await booking_terms(in_call(calendar), when, "a lamp"))
    assert why in reason
    assert reason.endswith("?")


async def test_half_a_year_ahead_there_is_nothing_to_offer(calendar: Database) -> None:
    reason = refused(await booking_terms(in_call(calendar), "January 12 at 10 am", "a lamp"))
    assert reason == "Appointments are made half a year ahead at most."


async def test_a_taken_time_is_offered_with_another_advisor_or_not_at_all(calendar: Database) -> None:
    await booked(in_call(calendar), advisor="nora")
    unclear = await booking_terms(in_call(calendar, "job-2", "cust-2"), "tomorrow at 4 pm Paris time", "a lamp")
    assert "Which day" in refused(unclear)
    other = terms(await booking_terms(in_call(calendar, "job-2"), "tomorrow at 3 pm", "a lamp"))
    assert other.facts["advisor"] == "Omar"
    same = await booking_terms(in_call(calendar, "job-2"), "tomorrow at 3 pm", "a lamp", "Nora")
    assert "taken. Would Wednesday, March 25, at 3:30 PM or" in refused(same)


async def test_an_unknown_advisor_or_caller_is_refused(calendar: Database) -> None:
    assert "Nora for lighting" in refused(await booking_terms(in_call(calendar), "tomorrow at 3 pm", "a lamp", "Zoe"))
    for customer, why in ((None, "sign in"), ("cust-99", "whom we know")):
        for function in (booking_terms, book_appointment):
            nobody = await function(in_call(calendar, customer=customer), "tomorrow at 3 pm", "a lamp")
            assert why in refused(nobody)


async def test_the_caller_agrees_to_a_moment_and_an_advisor_and_not_to_words(calendar: Database) -> None:
    found = terms(await booking_terms(in_call(calendar), "tomorrow at 3 pm", "a lamp", minutes=60))
    assert found.statement == "Shall I book Wednesday, March 25, at 3 PM with Nora?"
    assert found.args == {"when": "2026-03-25T15:00:00+01:00", "topic": "a lamp", "advisor": "Nora", "minutes": 60}
    assert terms(await booking_terms(in_call(calendar), **found.args)) == found


async def test_what_a_job_has_done_needs_no_yes_again(calendar: Database) -> None:
    desk = in_call(calendar)
    done = await booked(desk)
    assert await booking_terms(desk, "tomorrow at 3 pm", "a lamp") is None
    await cancel_appointment(desk)
    assert await cancellation_terms(desk, done.appointment_id) is None
    assert [each.change for each in await appointments_changed(desk)] == ["booked", "cancelled"]


# --- what was agreed to ---


async def test_an_appointment_takes_all_of_its_half_hours(calendar: Database) -> None:
    done = await booked(in_call(calendar), minutes=90)
    assert (done.change, done.starts_at, done.spoken) == ("booked", THREE_PM, "Wednesday, March 25, at 3 PM")
    assert [f"{at:%H:%M}" for _, at in taken(calendar)] == ["14:00", "14:30", "15:00"]


async def test_an_appointment_is_moved_and_its_time_is_free_again(calendar: Database) -> None:
    desk = in_call(calendar)
    first = await booked(desk, minutes=60)
    asked = terms(await move_terms(desk, "tomorrow at 4 pm"))
    assert asked.statement == "Shall I move it to Wednesday, March 25, at 4 PM with Nora?"
    assert (asked.facts["moved_from"], asked.facts["starts_at"]) == (
        "2026-03-25T15:00:00+01:00",
        "2026-03-25T16:00:00+01:00",
    )
    moved = receipt(await move_appointment(desk, **asked.args or {}))
    assert (moved.change, moved.appointment_id) == ("moved", first.appointment_id)
    assert [f"{at:%H:%M}" for _, at in taken(calendar)] == ["15:00", "15:30"]


async def test_an_appointment_that_overlaps_its_old_time_can_be_moved_there(calendar: Database) -> None:
    desk = in_call(calendar)
    await booked(desk, minutes=60, advisor="Nora")
    receipt(await move_appointment(desk, "tomorrow at 3:30 pm"))
    assert [f"{at:%H:%M}" for _, at in taken(calendar)] == ["14:30", "15:00"]


async def test_a_cancelled_appointment_is_listed_no_more_and_its_time_is_free(calendar: Database) -> None:
    desk = in_call(calendar)
    await booked(desk)
    assert len(await appointments(desk)) == 1
    assert terms(await cancellation_terms(desk)).statement.startswith("Shall I cancel Wednesday, March 25")
    cancelled = receipt(await cancel_appointment(desk))
    assert cancelled.action().change == "cancelled"
    assert (await appointments(desk)) == []
    assert taken(calendar) == []


async def test_callers_see_and_change_only_their_own_appointments(calendar: Database) -> None:
    own = await booked(in_call(calendar))
    for other in (in_call(calendar, customer="cust-2"), in_call(calendar, tenant="other")):
        assert (await appointments(other)) == []
        for function in (cancellation_terms, cancel_appointment):
            assert refused(await function(other, own.appointment_id)).endswith(NONE_OF_THEIRS)
        moved = await move_appointment(other, "tomorrow at 4 pm", own.appointment_id)
        assert refused(moved).endswith(NONE_OF_THEIRS)
    assert len(taken(calendar)) == 1


async def test_with_several_appointments_the_caller_says_which(calendar: Database) -> None:
    desk = in_call(calendar)
    await booked(desk)
    second = await booked(desk, "Friday at 10 am")
    assert "Which one do you mean?" in refused(await cancellation_terms(desk))
    terms(await cancellation_terms(desk, second.appointment_id))


async def test_a_job_books_a_time_once_however_often_it_is_attempted(calendar: Database) -> None:
    outcomes = [await booked(in_call(calendar)) for _ in range(3)]
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert len(taken(calendar)) == 1


async def test_what_the_caller_has_not_agreed_to_is_neither_booked_nor_cancelled(calendar: Database) -> None:
    book = partial(book_appointment, in_call(calendar), "tomorrow at 3 pm", "a lamp")
    assert await run_on(None, book) == CHANGED
    found = terms(await booking_terms(in_call(calendar), "tomorrow at 3 pm", "a lamp"))
    assert isinstance(await run_on(found, book), AppointmentReceipt)
    assert await run_on(None, partial(cancel_appointment, in_call(calendar, "job-2"))) == CHANGED
    assert len(await appointments(in_call(calendar))) == 1


async def test_a_job_knows_what_it_has_changed(calendar: Database) -> None:
    done = await booked(in_call(calendar))
    assert await appointments_changed(in_call(calendar)) == [done.action()]
    assert await appointments_changed(in_call(calendar, "job-2")) == []


# --- at the same moment ---


async def test_twenty_callers_at_once_get_a_time_once(calendar: Database) -> None:
    desks = [in_call(calendar, f"job-{i}", f"cust-{1 + i % 8}") for i in range(20)]
    start = threading.Barrier(20)

    def attempt(desk: Desk[VoiceContext]) -> AppointmentReceipt | Refusal:
        start.wait()
        return carry_out(desk, Booking(THREE_PM.isoformat(), "?", "Nora", 60))

    with ThreadPoolExecutor(20) as threads:
        outcomes = list(threads.map(attempt, desks))
    assert sum(isinstance(outcome, AppointmentReceipt) for outcome in outcomes) == 1
    refusals = [outcome.refused for outcome in outcomes if isinstance(outcome, Refusal)]
    assert all(refusal.startswith("That time is taken. Would Wednesday, March 25, at ") for refusal in refusals)
    assert len(taken(calendar)) == 2


async def test_the_table_itself_holds_no_time_twice(calendar: Database) -> None:
    done = await booked(in_call(calendar))
    again = {"tenant": "default", "advisor": done.advisor, "starts_at": THREE_PM}
    with calendar.of_all_tenants().write() as session:
        session.add(TakenSlot(appointment_id=done.appointment_id, **again))
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()


async def test_processes_at_once_get_a_time_once(shop: Database, tmp_path: Path) -> None:
    empty_calendar(shop)
    at = next(times_from(load_settings().business_hours, shop.now(), 30, shop.now())).isoformat()
    outcomes = race("tests.kinds.voice.callers:book", str(tmp_path / "shop.sqlite3"), at, folder=tmp_path)
    assert sorted(outcomes) == ["AppointmentReceipt", "Refusal", "Refusal"]
    assert len(taken(shop)) == 1


async def test_some_times_of_the_sample_are_taken(shop: Database) -> None:
    with shop.of_all_tenants().read() as session:
        appointments = session.scalars(select(Appointment).filter_by(tenant="default")).all()
        slots = session.scalars(select(TakenSlot).filter_by(tenant="default")).all()
    hours = load_settings().business_hours
    assert len(appointments) == 3
    assert len(slots) == sum(each.minutes for each in appointments) // 30
    assert all(hours.open_at(in_utc(slot.starts_at)) for slot in slots)


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr", "ru", "ja", "zh"])
@pytest.mark.parametrize("clock", [time(9), time(9, 30), time(15), time(15, 30)])
def test_what_code_asks_and_tells_has_its_own_time_and_can_be_said_aloud(language: str, clock: time) -> None:
    when = say(datetime.combine(date(2026, 12, 3), clock, UTC), "UTC", language)
    for name in ("ask_booked", "ask_moved", "ask_cancelled", "booked", "moved", "cancelled"):
        text = PHRASES.say(name, language, when=when, advisor="Nora")
        assert carries(text, [date(2026, 12, 3), clock]), text
        assert not carries(text, [clock.replace(hour=clock.hour % 12 + 12 * (clock.hour < 12))]), text
        assert [check.fault(Draft(text)) for check in SPEECH] == [None, None, None], text


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr", "ru", "ja", "zh"])
def test_what_is_told_of_an_appointment_has_its_time_by_the_caller_s_clocks(language: str) -> None:
    done = AppointmentChanged(
        change="moved",
        appointment_id=1,
        advisor="Nora",
        topic="a lamp",
        starts_at=datetime(2026, 3, 25, 14, tzinfo=UTC),
        minutes=30,
        time_zone="Europe/Berlin",
    )
    assert carries(done.sentence(language), [date(2026, 3, 25), time(15)])
