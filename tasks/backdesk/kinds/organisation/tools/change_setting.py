"""Change a setting of the organisation: by an admin, to an allowed value, a widening one with a person's approval.

That the person is an admin is looked up in the transaction that changes the setting, also after an approval that took
days. A job changes a setting to a value once: asked again it tells the change that it made.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import Consent, tool
from backdesk.kinds.organisation.contract import SettingChanged
from backdesk.kinds.organisation.data import NotAnAdmin, OrganisationData
from backdesk.kinds.organisation.settings import SETTINGS, Setting
from backdesk.kinds.organisation.tools import within
from backdesk.worker.attempt.ledger import Effect

Name = Annotated[str, Field(description="Which setting.", json_schema_extra={"enum": sorted(SETTINGS)})]
Value = Annotated[str, Field(max_length=100, description="Its new value, one of those that the setting allows.")]


class SettingReceipt(ToolOutcome):
    """A setting that has another value now."""

    setting: str
    previous: str
    value: str

    def summary(self) -> str:
        return f"{self.setting}: {self.previous} -> {self.value}"

    def action(self) -> SettingChanged:
        return SettingChanged(**self.model_dump())


class SettingUnchanged(ToolOutcome):
    """A setting that had the value already."""

    setting: str
    value: str
    unchanged: bool = True

    def summary(self) -> str:
        return f"{self.setting} is {self.value} already"


async def consent_to_change(desk: Desk, setting: Name, value: Value) -> Consent | None:
    """Ask about a change that a person must agree to, unless it is refused anyway or needs no doing."""
    wanted = _wanted(setting, value)
    if isinstance(wanted, Refusal):
        return None
    asked = await within(desk, lambda data: _consent(data, *wanted))
    return None if isinstance(asked, Refusal) else asked


def _consent(data: OrganisationData, setting: Setting, value: str) -> Consent | None:
    member, previous = data.member, data.settings()[setting.name]
    if member.role != "admin" or previous == value or not setting.needs_person(previous, value):
        return None
    facts = {
        "organisation_id": member.organisation_id,
        "setting": setting.name,
        "previous": previous,
        "value": value,
        "user_id": member.user_id,
    }
    return Consent(f"Set {setting.name} of {member.organisation_name} from {previous} to {value}?", facts)


async def settings_changed(desk: Desk) -> list[SettingChanged]:
    """Return the settings that this job has changed, whichever attempt did it."""

    def work(data: OrganisationData) -> list[SettingChanged]:
        made = data.changes_by(desk.key("setting/"))
        return [SettingChanged(setting=each.setting, previous=each.previous, value=each.value) for each in made]

    changed = await within(desk, work)
    return [] if isinstance(changed, Refusal) else changed


@tool(Effect.IDEMPOTENT, consent=consent_to_change, done=settings_changed)
async def change_setting(desk: Desk, setting: Name, value: Value) -> SettingReceipt | SettingUnchanged | Refusal:
    """Change a setting of the organisation. Only admins may; what lets others in waits for an approval."""
    wanted = _wanted(setting, value)
    if isinstance(wanted, Refusal):
        # Who may not change anything hears that first.
        return await within(desk, lambda data: _for_admins(data, wanted))
    return await within(desk, lambda data: _change(data, desk, *wanted), write=True)


def _wanted(name: str, value: str) -> tuple[Setting, str] | Refusal:
    if (setting := SETTINGS.get(name)) is None:
        return Refusal(refused=f"There is no such setting. There are: {', '.join(SETTINGS)}.")
    try:
        return setting, setting.read(value)
    except ValueError as error:
        return Refusal(refused=str(error))


def _for_admins(data: OrganisationData, refusal: Refusal) -> Refusal:
    if data.member.role != "admin":
        raise NotAnAdmin
    return refusal


def _change(
    data: OrganisationData, desk: Desk, setting: Setting, value: str
) -> SettingReceipt | SettingUnchanged | Refusal:
    key = desk.key(f"setting/{setting.name}/{value}")
    change = data.change_setting(setting, value, key=key, now=desk.database.now())
    if change is None:
        return SettingUnchanged(setting=setting.name, value=value)
    current = data.settings()[setting.name]
    if current != value:
        return Refusal(refused=f"It was set to {value} for this message already, and to {current} since.")
    return SettingReceipt(setting=setting.name, previous=change.previous, value=value)
