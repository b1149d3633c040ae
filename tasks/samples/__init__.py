"""What a database is filled with so that there is something to try: each sample is put in once, in this order.

The table `seedings` keeps their names. What is added here later is put into older databases too, where the sample shop
still is. All days are counted back from the day of the seeding.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from sqlalchemy.orm import Session

from tasks.samples import appointments, organisations, profile, shop


class Sample(NamedTuple):
    """Data that is put in as a whole, and once."""

    name: str
    seed: Callable[[Session, date], None]


#: The first is what all others lean on.
SHOP = Sample("sample-shop", shop.seed)
SAMPLES = (
    SHOP,
    Sample("sample-appointments", appointments.seed),
    Sample("sample-profiles", profile.seed),
    Sample("sample-organisations", organisations.seed),
)
