"""What processes of a race do to a shop."""

from __future__ import annotations

from tasks.database import Database
from tasks.desk import Desk
from tasks.purchase import PurchaseContext
from tasks.settings import load_settings
from tasks.tools.checkout import check_out_once


def check_out(database: str, context: str, number: str) -> str:
    """Check out the cart of a customer, as a job of its own; return the kind of outcome."""
    known = PurchaseContext.model_validate_json(context)
    shop, key = Database(f"sqlite:///{database}"), f"process-{number}:{{}}".format
    return type(check_out_once(Desk(shop, "acme", "cust-1", key, load_settings(), context=known))).__name__
