"""The kind `customer.erase`."""

from __future__ import annotations

from backdesk.platform.contract import KindModels
from backdesk.service.erasure_contract import ErasedRows, EraseRequest

KIND = KindModels("customer.erase", "tools", EraseRequest, ErasedRows)
