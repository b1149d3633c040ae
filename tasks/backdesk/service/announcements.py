"""What is told of a case that is new: to people, and to the customer where they are written to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from backdesk.agents.desk import Desk
from backdesk.agents.phrases import moment
from backdesk.service.cases_contract import DESK
from backdesk.service.contract import PHRASES
from backdesk.service.notification import NOTIFY
from backdesk.shop.customers import time_zone_of

#: How much later than promised a case is looked at: clocks of workers differ.
MARGIN = timedelta(seconds=30)


async def announce_case(desk: Desk, reference: str, subject: str, priority: str, due_at: datetime) -> None:
    """Tell people of a case, and have it looked after when its time is over; again for the same is once."""
    text = f"{reference} ({priority}), due {due_at:%F %R} UTC: {subject}"
    whose = {"case": reference, "customer_id": desk.customer_id, "conversation_id": desk.conversation_id}
    told = {"priority": priority, "due_at": f"{due_at:%FT%TZ}", **whose}
    notification = {"to": "staff", "event": "case.opened", "text": text, "data": told}
    await desk.start(NOTIFY, notification, f"tell:{reference}")
    if desk.settings.mail_customers and desk.customer_id:
        await desk.start(NOTIFY, await _confirmation(desk, whose, due_at), f"confirm:{reference}")
    late = max(due_at - desk.database.now(), timedelta()) + MARGIN
    await desk.start(DESK, {"act": "escalate_overdue"}, f"overdue:{reference}", late)


async def _confirmation(desk: Desk, whose: dict[str, Any], due_at: datetime) -> dict[str, Any]:
    language = desk.language
    when = moment(due_at, await time_zone_of(desk), language)
    text = PHRASES.say("opened", language, case=whose["case"], when=when)
    return {"to": "customer", "event": "case.opened", "text": text, "language": language, "data": whose}
