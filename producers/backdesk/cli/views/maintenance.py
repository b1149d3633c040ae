"""The notice of a maintenance as people read it."""

from __future__ import annotations

from datetime import datetime

from backdesk.cli.safe_text import safe_line
from backdesk.worker.model.deployment import MaintenanceNotice


def notice_text(notice: MaintenanceNotice) -> str:
    """Return a notice as one line, with its times in those of this machine."""
    end = f"until {_clock(notice.until)}" if notice.until else "until it is taken back"
    return f"under maintenance since {_clock(notice.since)}, {end}: {safe_line(notice.message)}"


def _clock(moment: datetime) -> str:
    here = moment.astimezone()
    return here.strftime("%H:%M" if here.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M")
