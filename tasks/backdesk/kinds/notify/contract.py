"""The kind `notify.send`."""

from __future__ import annotations

from backdesk.platform.contract import KindModels
from backdesk.service.notification import Delivered, Notification

KIND = KindModels("notify.send", "tools", Notification, Delivered)
