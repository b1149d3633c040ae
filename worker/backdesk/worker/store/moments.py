"""Moments as the store has them: ms since 1970."""

from __future__ import annotations

from datetime import UTC, datetime


def milliseconds(moment: datetime) -> int:
    """Return a moment as ms since 1970; a naive one is taken as UTC."""
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def moment(ms: bytes | int) -> datetime:
    """Return ms since 1970 as a moment in UTC."""
    return datetime.fromtimestamp(int(ms) / 1000, UTC)
