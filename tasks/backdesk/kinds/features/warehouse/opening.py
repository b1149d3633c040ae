"""Which warehouse there is."""

from __future__ import annotations

from backdesk.kinds.features.settings import WarehouseSettings
from backdesk.kinds.features.warehouse.embedded import EmbeddedWarehouse
from backdesk.kinds.features.warehouse.http import HttpWarehouse
from backdesk.kinds.features.warehouse.protocol import Warehouse
from backdesk.platform.tool_settings import settings_of


def warehouse_of(tenant: str) -> Warehouse:
    """Return a tenant's warehouse: the service that is configured, else the one in the data folder."""
    settings = settings_of(WarehouseSettings)
    return HttpWarehouse(settings, tenant) if settings.url else EmbeddedWarehouse(tenant)
