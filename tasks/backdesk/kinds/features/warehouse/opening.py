"""Which warehouse there is."""

from __future__ import annotations

from backdesk.kinds.features.settings import WarehouseSettings
from backdesk.kinds.features.warehouse.protocol import Warehouse
from backdesk.platform.tool_settings import settings_of


def warehouse_of(tenant: str) -> Warehouse:
    """Return a tenant's warehouse: the service that is configured, else the one in the data folder."""
    settings = settings_of(WarehouseSettings)
    if settings.url:
        from backdesk.kinds.features.warehouse.http import HttpWarehouse  # noqa: PLC0415 - a worker needs one of both

        return HttpWarehouse(settings, tenant)
    from backdesk.kinds.features.warehouse.embedded import EmbeddedWarehouse  # noqa: PLC0415 - same

    return EmbeddedWarehouse(tenant)
