"""The settings that an organisation has: what they may be, and which changes a person must agree to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. Its values are text; those of a range are whole numbers."""

    name: str
    meaning: str
    default: str
    values: tuple[str, ...] | range
    #: How far its values let others in: each further than those before it, or none at all.
    openness: Literal["rises", "none"]
    #: Whether going from one value to another is dangerous for another reason than that it lets others in.
    dangerous: Callable[[str, str], bool] = lambda previous, value: False

    def needs_person(self, previous: str, value: str) -> bool:
        """Whether a person must agree to going from one value to another: what widens access, and what is dangerous."""
        return self._widens(previous, value) or self.dangerous(previous, value)

    def _widens(self, previous: str, value: str) -> bool:
        order = [str(each) for each in self.values]
        return self.openness == "rises" and order.index(value) > order.index(previous)

    @property
    def allowed(self) -> str:
        """Say what it may be."""
        if isinstance(self.values, range):
            return f"a whole number from {self.values[0]} to {self.values[-1]}"
        return f"one of {', '.join(self.values)}"

    def read(self, text: str) -> str:
        """Return the value that a text names. Raises ValueError for one that is not allowed."""
        value = text.strip().lower()
        if isinstance(self.values, range) and value.isascii() and value.isdecimal() and len(value) < 10:
            value = str(int(value))
        if value not in ([str(each) for each in self.values] if isinstance(self.values, range) else self.values):
            raise ValueError(f"{self.name} must be {self.allowed}.")
        return value


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("language", "The language of notifications.", "en", ("en", "de", "fr", "it", "es"), "none"),
        Setting("notifications", "What members are notified of.", "mentions", ("all", "mentions", "none"), "none"),
        Setting("week_starts_on", "The first day in calendars.", "monday", ("monday", "sunday"), "none"),
        Setting(
            "two_factor_required",
            "Whether members must sign in with a second factor.",
            "on",
            ("on", "off"),
            "rises",
        ),
        Setting(
            "external_sharing",
            "Who outside the organisation may be given documents.",
            "off",
            ("off", "partners", "anyone"),
            "rises",
        ),
        Setting(
            "retention_days",
            "After how many days documents that were deleted are gone for good.",
            "365",
            range(30, 3651),
            "none",
            dangerous=lambda previous, value: int(value) < int(previous),
        ),
    )
}
