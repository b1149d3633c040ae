"""Change the customer's name or time zone. Both are set to a value, so that a repeat changes nothing more."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import Field

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.kinds.account.contract import ProfileChanged
from backdesk.kinds.account.sign_in import rename
from backdesk.kinds.account.tools import not_signed_in
from backdesk.kinds.account.tools.profile import NO_PROFILE, Profile, profile_of
from backdesk.shop.tables import Customer
from backdesk.worker.attempt.ledger import Effect

LONGEST_NAME = 100

Name = Annotated[str | None, Field(description="The new name, in full.")]
TimeZone = Annotated[str | None, Field(description="The new time zone as an IANA name, such as Europe/Berlin.")]


class ProfileReceipt(ToolOutcome):
    """The profile as it is now."""

    profile: Profile

    def summary(self) -> str:
        return f"now {self.profile.summary()}"

    def action(self) -> ProfileChanged:
        return ProfileChanged(**self.profile.model_dump(include={"user_id", "name", "time_zone"}))

    def learned(self) -> dict[str, Any]:
        return {"name": self.profile.name}


@tool(Effect.IDEMPOTENT)
async def change_profile(desk: Desk, name: Name = None, time_zone: TimeZone = None) -> ProfileReceipt | Refusal:
    """Change the name or the time zone of the customer who is signed in; what is left out stays."""
    if refused := not_signed_in(desk) or _wrong(name, time_zone):
        return refused

    def work() -> ProfileReceipt | Refusal:
        with desk.database.write() as session:
            customer = session.get(Customer, (desk.tenant, desk.context.user_id), with_for_update=True)
            if customer is None:
                return NO_PROFILE
            customer.name = " ".join(name.split()) if name else customer.name
            customer.time_zone = time_zone or customer.time_zone
            rename(session, desk, customer.name)
            return ProfileReceipt(profile=profile_of(customer))

    return await desk.database.in_thread(work)


def _wrong(name: str | None, time_zone: str | None) -> Refusal | None:
    if not name and not time_zone:
        return Refusal(refused="There is nothing to change: say the new name or the new time zone.")
    if name and not (name.isprintable() and name.strip() and len(name) <= LONGEST_NAME):
        return Refusal(refused=f"A name has 1 to {LONGEST_NAME} printable characters.")
    if time_zone and time_zone not in available_timezones():
        return Refusal(refused=f"{time_zone!r} is no time zone: use an IANA name such as Europe/Berlin.")
    return None
