"""The settings of what runs in isolation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from backdesk.platform.dependency import Dependency
from backdesk.platform.tool_settings import ToolSettings


class SandboxSettings(ToolSettings):
    """How strictly programs are isolated, and how long their folders are kept."""

    title: ClassVar[str] = "sandbox"

    #: The least level at which a program is started at all.
    least: Literal["bubblewrap", "landlock", "limits"] = Field("landlock", validation_alias="BACKDESK_SANDBOX_LEAST")
    #: How many programs of agents run at the same time in a worker's process.
    at_once: int = Field(4, ge=1, le=64, validation_alias="BACKDESK_SANDBOX_AT_ONCE")
    #: How long the folder of a job is kept after it was last used.
    keep_s: float = Field(3600, ge=60, le=604_800, validation_alias="BACKDESK_SANDBOX_KEEP_S")

    def dependencies(self) -> Sequence[Dependency]:
        """Return the level itself: a program is started at it."""
        return (Dependency("sandbox", _level),)


def _level() -> str:
    from backdesk.tools.isolation.levels import level_in_words  # noqa: PLC0415 - it is checked, not configured, by this

    return level_in_words()
