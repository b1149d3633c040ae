"""What strangers must not get of `voice.schedule`: a customer's appointments."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backdesk.kinds.voice.tables import Advisor, Appointment, TakenSlot
from tests.support.strangers import MARK, OWNER, THREE_PM, Case, Stakes


def mark(session: Session) -> None:
    slots = [TakenSlot(advisor="Nora", starts_at=THREE_PM)]
    meeting = {"advisor": "Nora", "customer_id": OWNER, "starts_at": THREE_PM, "minutes": 30, "topic": MARK}
    session.add(Appointment(id=77, **meeting, slots=slots))


def mark_foreign(session: Session) -> None:
    session.add(Advisor(name="Gil", field="all"))


STAKES = Stakes(
    {
        "resolve_time": Case({"words": "tomorrow at 3 pm"}, shows="3 PM"),
        "find_free_times": Case({"day": "tomorrow"}, of_tenant=True, shows="Nora"),
        "list_appointments": Case(),
        "book_appointment": Case({"when": "tomorrow at 5 pm", "topic": "a lamp"}, shows='"change": "booked"'),
        "move_appointment": Case({"when": "tomorrow at 5 pm", "appointment_id": 77}),
        "cancel_appointment": Case({"appointment_id": 77}),
    },
    mark,
    mark_foreign,
    of_nobody=frozenset({"resolve_time"}),
    only_for_customers=frozenset({"book_appointment", "move_appointment", "cancel_appointment", "list_appointments"}),
)
