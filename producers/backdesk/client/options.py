"""The options of a call that were given."""

from __future__ import annotations

from typing import Any


def given(**options: Any) -> dict[str, Any]:
    """Return the options that are not None."""
    return {name: value for name, value in options.items() if value is not None}
