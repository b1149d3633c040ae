"""What processes of a race do to a shop."""

from __future__ import annotations

from backdesk.agents.desk import Desk
from backdesk.platform.database import Database
from backdesk.platform.settings import load_settings
from backdesk.shop.checkout import check_out_once


def check_out(database: str, number: str) -> str:
    """Check out the cart of a customer, as a job of its own; return the kind of outcome."""
    return type(check_out_once(_desk(database, "cust-1", number))).__name__


def _desk(database: str, customer: str, number: str) -> Desk:
    key = f"process-{number}:{{}}".format
    shop = Database(f"sqlite:///{database}")
    with shop.of_all_tenants().read():  # so that what follows is the race, and not its preparation
        return Desk(shop, "default", customer, key, load_settings())
