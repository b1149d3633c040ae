"""The kind `notify.send`."""

from __future__ import annotations

from backdesk.platform.contract import KindModels
from backdesk.service.notification import NOTIFY, Delivered, Notification

KIND = KindModels(NOTIFY, "tools", Notification, Delivered)
