"""The settings of the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from backdesk.platform.dependency import Dependency
from backdesk.platform.tool_settings import ToolSettings


class WarehouseSettings(ToolSettings):
    """Where extractions are kept and run."""

    title: ClassVar[str] = "feature warehouse"

    #: A service by HTTP; without it there is one in the data folder, on DuckDB.
    url: str | None = Field(None, validation_alias="BACKDESK_WAREHOUSE_URL")
    key: SecretStr | None = Field(None, validation_alias="BACKDESK_WAREHOUSE_KEY")
    #: How long it may take to connect to it; until it begins to answer; and, from the request on, until it has.
    timeout_s: float = Field(30, gt=0, le=300, validation_alias="BACKDESK_WAREHOUSE_TIMEOUT_S")

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value

    def dependencies(self) -> Sequence[Dependency]:
        """Return the service, where there is one."""
        return (Dependency("feature warehouse", self._check),) if self.url else ()

    def _check(self) -> str:
        from backdesk.kinds.features.warehouse.http import HttpWarehouse  # noqa: PLC0415 - it reads these settings

        return HttpWarehouse(self, "health").health()
