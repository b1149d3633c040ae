"""The kind `code.run`."""

from __future__ import annotations

from backdesk.platform.contract import KindModels
from backdesk.tools.code.contract import KIND_NAME, CodeRequest, CodeRun

KIND = KindModels(KIND_NAME, "tools", CodeRequest, CodeRun)
