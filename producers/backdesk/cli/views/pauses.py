"""Pauses as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

from backdesk.cli.options.limit_scopes import written
from backdesk.cli.options.moments import rough_span
from backdesk.cli.safe_text import safe_line
from backdesk.client.operations.pauses import PauseStatus


def pause_text(status: PauseStatus) -> str:
    """Return what is paused as one line: for how long, by whom, why."""
    span = rough_span(max((datetime.now(UTC) - status.since).total_seconds(), 0)) if status.since else ""
    told = f"{written(status.scope)} is paused{f' for {span}' if span else ''}{f' by {status.by}' if status.by else ''}"
    return safe_line(f"{told}: {status.note}" if status.note else told)
