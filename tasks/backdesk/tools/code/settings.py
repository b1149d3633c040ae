"""The settings of the code tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from backdesk.platform.tool_settings import ToolSettings


class CodeSettings(ToolSettings):
    """Whether agents may run code at all, and what that may take."""

    title: ClassVar[str] = "code tool"

    enabled: bool = Field(False, validation_alias="BACKDESK_CODE_TOOL")
    #: The longest run, by the clock; half of a minute more than that is what an attempt may take.
    seconds: float = Field(10, gt=0, le=3600, validation_alias="BACKDESK_CODE_SECONDS")
    memory_mb: int = Field(256, ge=64, le=65_536, validation_alias="BACKDESK_CODE_MEMORY_MB")
    #: Folders with packages that code may import, between colons, such as the `site-packages` of an environment that
    #: was made for it. It can read all that is in them.
    packages: Annotated[tuple[Path, ...], NoDecode] = Field((), validation_alias="BACKDESK_CODE_PACKAGES")

    @field_validator("packages", mode="before")
    @classmethod
    def _are_folders(cls, value: Any) -> Any:
        folders = tuple(map(Path, filter(None, value.split(":")))) if isinstance(value, str) else value
        if missing := [str(each) for each in folders if not each.is_absolute() or not each.is_dir()]:
            raise ValueError(f"no such folder, as an absolute path: {', '.join(missing)}")
        return folders
