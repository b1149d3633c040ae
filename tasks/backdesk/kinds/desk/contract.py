"""The kind `service.desk`."""

from __future__ import annotations

from backdesk.platform.contract import KindModels
from backdesk.service.cases_contract import DESK, DeskRequest, DeskResult

KIND = KindModels(DESK, "tools", DeskRequest, DeskResult)
