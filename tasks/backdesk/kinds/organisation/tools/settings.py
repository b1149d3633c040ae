"""Show the organisation's settings, and who changed them last."""

from __future__ import annotations

from datetime import datetime

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.kinds.organisation.data import OrganisationData
from backdesk.kinds.organisation.settings import SETTINGS
from backdesk.kinds.organisation.tools import within
from backdesk.worker.attempt.ledger import Effect

MOST_CHANGES = 10


class ShownSetting(ToolOutcome):
    """One setting, and what it may be."""

    name: str
    value: str
    meaning: str
    allowed: str

    def summary(self) -> str:
        return f"{self.name} = {self.value}"


class PastChange(ToolOutcome):
    """A change of a setting."""

    setting: str
    previous: str
    value: str
    user_id: str
    changed_at: datetime

    def summary(self) -> str:
        return f"{self.setting}: {self.previous} -> {self.value} by {self.user_id}"


class SettingsShown(ToolOutcome):
    """All settings, and the last changes, the newest first."""

    settings: list[ShownSetting]
    changes: list[PastChange]

    def summary(self) -> str:
        return ", ".join(setting.summary() for setting in self.settings)


@tool(Effect.PURE)
async def show_settings(desk: Desk) -> SettingsShown | Refusal:
    """Show the organisation's settings: their values, what they may be, and who changed them last."""
    return await within(desk, _shown)


def _shown(data: OrganisationData) -> SettingsShown:
    settings = [
        ShownSetting(name=name, value=value, meaning=SETTINGS[name].meaning, allowed=SETTINGS[name].allowed)
        for name, value in data.settings().items()
    ]
    changes = [
        PastChange(
            setting=each.setting,
            previous=each.previous,
            value=each.value,
            user_id=each.user_id,
            changed_at=each.changed_at,
        )
        for each in data.changes(MOST_CHANGES)
    ]
    return SettingsShown(settings=settings, changes=changes)
