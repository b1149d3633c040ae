"""Why a job that could run does not, as people read it."""

from __future__ import annotations

from datetime import UTC, datetime

from backdesk.cli.options.limit_scopes import sentence
from backdesk.cli.options.moments import rough_span
from backdesk.cli.safe_text import safe_line
from backdesk.worker.model.job import Hold, JobRecord


def state_text(record: JobRecord) -> str:
    """Return the state of a job, `limited` for one that a limit holds."""
    return "limited" if record.limited else str(record.state)


def hold_text(record: JobRecord) -> str:
    """Return what a job in line waits for; empty when that is nothing but a free slot and its turn, and it is next."""
    if record.behind:
        return f"behind job {record.behind} of its conversation"
    parts = [_limit(record.limited)] if record.limited else []
    if record.ahead:
        parts.append(f"{record.ahead} of its tenant and kind {'is' if record.ahead == 1 else 'are'} before it")
    return safe_line(", ".join(parts))


def _limit(hold: Hold) -> str:
    scope = sentence(hold.scope)
    if hold.reason == "max_running":
        return f"as many of {scope} run as may"
    reason = f"by the rate of {scope}" if hold.reason == "rate" else f"by {scope}"
    return f"{reason}, until {_moment(hold.run_at)}" if hold.run_at else reason


def _moment(moment: datetime) -> str:
    left = (moment - datetime.now(UTC)).total_seconds()
    return f"{moment.astimezone().strftime('%H:%M:%S')}{f', in {rough_span(left)}' if left > 0 else ''}"
