"""Keys and the audit log as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from backdesk.cli.options.moments import rough_span
from backdesk.cli.output import Output
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.fitted_table import show_fitted
from backdesk.cli.views.record import age
from backdesk.worker.model.access import ApiKey
from backdesk.worker.model.audit import AuditEntry

_KEY_COLUMNS = ("id", "name", "scope", "tenant", "made", "used", "good")
_AUDIT_COLUMNS = ("at", "by", "from", "action", "on", "outcome")


def show_keys(keys: Sequence[ApiKey], out: Output) -> None:
    """Print keys, a line each."""
    for _ in show_fitted(keys, out, cells=_key_cells, style=_key_style, dispensable=("made", "used")):
        pass


def _key_cells(key: ApiKey) -> dict[str, str]:
    used = f"{age(key.last_used_at)} ago" if key.last_used_at else "never"
    tenant = key.tenant or "all"
    cells = (key.id, safe_line(key.name), key.scope, tenant, f"{age(key.created_at)} ago", used, _standing(key))
    return dict(zip(_KEY_COLUMNS, cells, strict=True))


def _key_style(key: ApiKey, _: str) -> str:
    return "" if key.usable(datetime.now(UTC)) else "dim"


def _standing(key: ApiKey) -> str:
    now = datetime.now(UTC)
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    until = f"for {rough_span((key.expires_at - now).total_seconds())}" if key.expires_at else "yes"
    if key.overlap_until is not None and key.overlap_until > now:
        return f"{until}; the secret before for {rough_span((key.overlap_until - now).total_seconds())}"
    return until


def show_audit(entries: Sequence[AuditEntry], out: Output) -> None:
    """Print entries, a line each."""
    for _ in show_fitted(entries, out, cells=_audit_cells, style=_audit_style, dispensable=("from", "on")):
        pass


def _audit_cells(entry: AuditEntry) -> dict[str, str]:
    at = entry.at.strftime("%Y-%m-%d %H:%M:%S") if entry.at else ""
    by = f"{entry.by or 'nobody'} ({entry.way})" if entry.way else entry.by or "nobody"
    said = (by, entry.address, entry.action, entry.on, entry.outcome)
    return dict(zip(_AUDIT_COLUMNS, (at, *map(safe_line, said)), strict=True))


def _audit_style(entry: AuditEntry, column: str) -> str:
    return "yellow" if column == "outcome" and entry.part == "refusals" else ""
