"""The proof of `voice.schedule`: what is proposed is read back, and nothing is done before the caller's yes."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

import backdesk.kinds.voice.kind  # noqa: F401 - registers the kind
from backdesk.kinds.voice.contract import PlannedAppointment, ScheduleRequest, ScheduleResult
from backdesk.kinds.voice.spoken_time import resolve, tell
from backdesk.kinds.voice.tables import AppointmentChange, TakenSlot
from backdesk.platform.database import Database
from tests.kinds.voice.callers import empty_calendar
from tests.support.openai_simulator import Text, call
from tests.support.proof import Proof, Talk

WANTED = resolve("next Tuesday at three", datetime.now(UTC), ZoneInfo("Europe/Berlin"))
assert isinstance(WANTED, datetime)
READ_BACK = Text(f"Shall I book {tell(WANTED, ZoneInfo('Europe/Berlin'))} with Nora?")
BOOKED = Text(f"Your appointment with Nora is booked: {tell(WANTED, ZoneInfo('Europe/Berlin'))}.")
OFFER = Text("Several times are free on that day. Which one suits you?")


def _nothing_done(shop: Database) -> None:
    with shop.of_all_tenants().read() as session:
        assert session.scalars(select(AppointmentChange)).all() == []
        assert session.scalars(select(TakenSlot).filter_by(tenant="default")).all() == []


def _proposed(result: ScheduleResult, shop: Database) -> None:
    assert (result.answer, result.path, result.clarifying) == (READ_BACK.text, ["scheduler"], True)
    assert result.proposal is not None
    planned = PlannedAppointment.model_validate(result.proposal.facts)
    assert (planned.change, planned.advisor, planned.minutes) == ("booked", "Nora", 60)
    assert result.actions == []
    _nothing_done(shop)


def _booked_once(result: ScheduleResult, shop: Database) -> None:
    assert (result.answer, result.proposal) == (BOOKED.text, None)
    assert result.appointment is not None
    assert (result.actions, result.appointment.change) == ([result.appointment], "booked")
    with shop.of_all_tenants().read() as session:
        assert len(session.scalars(select(AppointmentChange)).all()) == 1


def _offered(result: ScheduleResult, shop: Database) -> None:
    assert (result.answer, result.clarifying, result.proposal) == (OFFER.text, True, None)
    _nothing_done(shop)


PROOF = Proof(
    "voice.schedule",
    (
        Talk(
            ScheduleRequest(message="An hour with Nora about a lamp, next Tuesday at three", customer_id="cust-1"),
            (
                call("resolve_time", words="next Tuesday at three"),
                call("book_appointment", when="next Tuesday at three", topic="a lamp", advisor="Nora", minutes=60),
                READ_BACK,
            ),
            _proposed,
            empty_calendar,
        ),
        Talk(
            ScheduleRequest(message="Which times are free next Monday?", customer_id="cust-3"),
            (call("find_free_times", day="next Monday"), OFFER),
            _offered,
            empty_calendar,
        ),
    ),
    Talk(
        ScheduleRequest(message="Yes, do that", customer_id="cust-1"),
        (call("give_answer", verdict="confirm"), BOOKED),
        _booked_once,
    ),
)
