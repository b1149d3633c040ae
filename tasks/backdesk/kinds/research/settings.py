"""What research reads from outside."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from backdesk.platform.tool_settings import ToolSettings


class ResearchSettings(ToolSettings):
    """Settings of the reports."""

    title: ClassVar[str] = "research reports"

    #: A folder of fonts for what neither those of the layout nor those of the system have letters for.
    fonts: Path | None = Field(None, validation_alias="BACKDESK_RESEARCH_FONTS")
