"""The settings of an engine that nobody has set up."""

from __future__ import annotations

from typing import Any

from backdesk.worker.settings import Settings


def usual_settings(**changes: Any) -> Settings:
    """Return the defaults and these. Nothing is read or checked, which would take as long as a small test."""
    return Settings.model_construct(**changes)
