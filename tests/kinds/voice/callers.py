"""What processes of a race do to a calendar."""

from __future__ import annotations

from sqlalchemy import delete

from backdesk.agents.desk import Desk
from backdesk.kinds.voice.tables import Appointment, TakenSlot
from backdesk.kinds.voice.tools.appointments import carry_out
from backdesk.kinds.voice.tools.plans import Booking
from backdesk.platform.database import Database
from backdesk.platform.settings import load_settings


def empty_calendar(shop: Database) -> None:
    """Have nothing of the sample taken."""
    with shop.of("default").write() as session:
        session.execute(delete(TakenSlot))
        session.execute(delete(Appointment))


def book(database: str, at: str, number: str) -> str:
    """Book a time with Nora for a customer of this process's own; return the kind of outcome."""
    shop, key = Database(f"sqlite:///{database}"), f"process-{number}:{{}}".format
    with shop.of_all_tenants().read():  # so that what follows is the race, and not its preparation
        desk = Desk(shop, "default", f"cust-{int(number) + 1}", key, load_settings())
    return type(carry_out(desk, Booking(at, "?", "Nora", 30))).__name__
